-- Visits that nobody understands, kept for somebody to look at: bounded, stored in the transaction that passes them.
--
-- entry is JSON; its digest keeps a record that is read again from being kept twice. The count says how many
-- older ones went because of the bound.
SET NAMES utf8mb4;

CREATE TABLE IF NOT EXISTS visit_parked (
	id        bigint unsigned NOT NULL AUTO_INCREMENT,
	parked_us bigint unsigned NOT NULL, -- Unix time in microseconds
	digest    char(64)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	entry     text            NOT NULL,
	PRIMARY KEY (id),
	UNIQUE KEY visit_parked_once (digest)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS visit_parked_count (
	id      tinyint         NOT NULL,
	dropped bigint unsigned NOT NULL,
	PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

GRANT SELECT, INSERT, UPDATE, DELETE ON visit_parked TO 'user_svc'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON visit_parked_count TO 'user_svc'@'%';
