-- Triggers that write every change of table alarm to the outbox, whoever makes it.
--
-- @outbox_id tells the session that made the change the version of the row's new state. The lock keeps
-- writers out for the moment in which a trigger is missing.
--
-- An alarm is set once or not at all, so (user_id, item_id) becomes unique. Duplicates that a restored
-- table may hold go first, and go silently: a tombstone would tell the neighbours that the alarm is
-- gone. Read backwards, the index also lists a user's alarms by item, highest first.
SET NAMES utf8mb4;

LOCK TABLES alarm WRITE, alarm AS older READ, alarm AS duplicate WRITE;

DROP TRIGGER IF EXISTS alarm_after_delete;

DELETE duplicate FROM alarm AS duplicate
	JOIN alarm AS older ON older.user_id = duplicate.user_id
		AND older.item_id = duplicate.item_id AND older.id < duplicate.id;

SET @ddl = (SELECT IF(COUNT(*) = 0,
		'ALTER TABLE alarm ADD UNIQUE INDEX alarm_by_user (user_id, item_id)', 'DO 0')
	FROM information_schema.STATISTICS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'alarm' AND INDEX_NAME = 'alarm_by_user');
PREPARE ddl FROM @ddl;
EXECUTE ddl;
DEALLOCATE PREPARE ddl;

DELIMITER //

DROP TRIGGER IF EXISTS alarm_after_insert//
CREATE TRIGGER alarm_after_insert AFTER INSERT ON alarm FOR EACH ROW
BEGIN
	INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
	VALUES ('alarm', CONCAT(NEW.user_id, ':', NEW.item_id), 'changed',
		JSON_OBJECT('id', NEW.id, 'item_id', NEW.item_id, 'user_id', NEW.user_id,
			'created', DATE_FORMAT(NEW.created, '%Y-%m-%dT%H:%i:%s.%fZ')),
		UTC_TIMESTAMP(6));
	SET @outbox_id = LAST_INSERT_ID();
END//

-- A change of the key is the end of one thing and the start of another. When the old row is still there, nothing
-- was changed: MariaDB comes here for rows, too, that UPDATE IGNORE had to leave as they were.
DROP TRIGGER IF EXISTS alarm_after_update//
CREATE TRIGGER alarm_after_update AFTER UPDATE ON alarm FOR EACH ROW
capture: BEGIN
	IF (NEW.id <> OLD.id OR NEW.user_id <> OLD.user_id OR NEW.item_id <> OLD.item_id) AND EXISTS (
		SELECT 1 FROM alarm WHERE id = OLD.id AND user_id = OLD.user_id AND item_id = OLD.item_id) THEN
		LEAVE capture;
	END IF;
	IF NEW.user_id <> OLD.user_id OR NEW.item_id <> OLD.item_id THEN
		INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
		VALUES ('alarm', CONCAT(OLD.user_id, ':', OLD.item_id), 'deleted', NULL, UTC_TIMESTAMP(6));
	END IF;
	INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
	VALUES ('alarm', CONCAT(NEW.user_id, ':', NEW.item_id), 'changed',
		JSON_OBJECT('id', NEW.id, 'item_id', NEW.item_id, 'user_id', NEW.user_id,
			'created', DATE_FORMAT(NEW.created, '%Y-%m-%dT%H:%i:%s.%fZ')),
		UTC_TIMESTAMP(6));
	SET @outbox_id = LAST_INSERT_ID();
END//

DROP TRIGGER IF EXISTS alarm_after_delete//
CREATE TRIGGER alarm_after_delete AFTER DELETE ON alarm FOR EACH ROW
BEGIN
	INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
	VALUES ('alarm', CONCAT(OLD.user_id, ':', OLD.item_id), 'deleted', NULL, UTC_TIMESTAMP(6));
	SET @outbox_id = LAST_INSERT_ID();
END//

DELIMITER ;

UNLOCK TABLES;
