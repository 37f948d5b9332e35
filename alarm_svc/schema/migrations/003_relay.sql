-- What the relay and its successor must know: how far each partition was delivered, and to which log.
SET NAMES utf8mb4;

CREATE TABLE IF NOT EXISTS relay_position (
	topic        varchar(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	partition_id int             NOT NULL,
	log_uuid     char(36)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
	last_offset  bigint          NOT NULL DEFAULT -1, -- of the last delivered record; -1: none yet
	own_next     bigint unsigned NOT NULL DEFAULT 0,  -- number of the next batch for own Redis
	PRIMARY KEY (topic, partition_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS relay_state (
	name  varchar(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	value varchar(255) NOT NULL,
	PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
