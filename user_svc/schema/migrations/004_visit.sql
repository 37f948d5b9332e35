-- Visits, which this service owns, and how far it has read them from the log.
--
-- Visits and position change in one transaction. The revision counts those transactions; the copy in
-- Redis holds the revision it was made from.
SET NAMES utf8mb4;

CREATE TABLE IF NOT EXISTS visit (
	event_id   char(36)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	user_id    int             NOT NULL,
	item_id    int             NOT NULL,
	visited_us bigint unsigned NOT NULL, -- Unix time in microseconds
	PRIMARY KEY (event_id),
	KEY visit_by_user (user_id, visited_us, event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS visit_position (
	partition_id int      NOT NULL,
	log_uuid     char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	next_offset  bigint   NOT NULL,
	PRIMARY KEY (partition_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS visit_state (
	id       tinyint         NOT NULL,
	revision bigint unsigned NOT NULL,
	PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT IGNORE INTO visit_state (id, revision) VALUES (1, 0);
