-- The outbox: one row per change of table item, written in the change's own transaction.
--
-- id is the version of the change. Rows are inserted and deleted, never updated. payload is the
-- whole row as it is now; NULL means that the key is gone. The columns bear Debezium's names.
SET NAMES utf8mb4;

CREATE TABLE IF NOT EXISTS outbox (
	id            bigint unsigned NOT NULL AUTO_INCREMENT,
	aggregatetype varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	aggregateid   varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	type          varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	payload       json        NULL,
	created       datetime(6) NOT NULL, -- UTC
	PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
