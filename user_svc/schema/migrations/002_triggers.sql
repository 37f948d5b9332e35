-- Triggers that write every change of table user to the outbox, whoever makes it.
--
-- @outbox_id tells the session that made the change the version of the row's new state. The lock keeps
-- writers out for the moment in which a trigger is missing.
--
-- The index finds the users of a token; a token may belong to several.
SET NAMES utf8mb4;

LOCK TABLES user WRITE;

SET @ddl = (SELECT IF(COUNT(*) = 0,
		'ALTER TABLE user ADD INDEX user_by_token (access_token)', 'DO 0')
	FROM information_schema.STATISTICS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'user' AND INDEX_NAME = 'user_by_token');
PREPARE ddl FROM @ddl;
EXECUTE ddl;
DEALLOCATE PREPARE ddl;

DELIMITER //

DROP TRIGGER IF EXISTS user_after_insert//
CREATE TRIGGER user_after_insert AFTER INSERT ON user FOR EACH ROW
BEGIN
	INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
	VALUES ('user', NEW.id, 'changed',
		JSON_OBJECT('id', NEW.id, 'name', NEW.name,
			'access_token', NEW.access_token),
		UTC_TIMESTAMP(6));
	SET @outbox_id = LAST_INSERT_ID();
END//

-- A change of the key is the end of one thing and the start of another. When the old row is still there, nothing
-- was changed: MariaDB comes here for rows, too, that UPDATE IGNORE had to leave as they were.
DROP TRIGGER IF EXISTS user_after_update//
CREATE TRIGGER user_after_update AFTER UPDATE ON user FOR EACH ROW
capture: BEGIN
	IF NEW.id <> OLD.id AND EXISTS (SELECT 1 FROM user WHERE id = OLD.id) THEN
		LEAVE capture;
	END IF;
	IF NEW.id <> OLD.id THEN
		INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
		VALUES ('user', OLD.id, 'deleted', NULL, UTC_TIMESTAMP(6));
	END IF;
	INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
	VALUES ('user', NEW.id, 'changed',
		JSON_OBJECT('id', NEW.id, 'name', NEW.name,
			'access_token', NEW.access_token),
		UTC_TIMESTAMP(6));
	SET @outbox_id = LAST_INSERT_ID();
END//

DROP TRIGGER IF EXISTS user_after_delete//
CREATE TRIGGER user_after_delete AFTER DELETE ON user FOR EACH ROW
BEGIN
	INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
	VALUES ('user', OLD.id, 'deleted', NULL, UTC_TIMESTAMP(6));
	SET @outbox_id = LAST_INSERT_ID();
END//

DELIMITER ;

UNLOCK TABLES;
