-- Triggers that write every change of table item to the outbox, whoever makes it.
--
-- @outbox_id tells the session that made the change the version of the row's new state. The lock keeps
-- writers out for the moment in which a trigger is missing.
SET NAMES utf8mb4;

LOCK TABLES item WRITE;

DELIMITER //

DROP TRIGGER IF EXISTS item_after_insert//
CREATE TRIGGER item_after_insert AFTER INSERT ON item FOR EACH ROW
BEGIN
	INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
	VALUES ('item', NEW.id, 'changed',
		JSON_OBJECT('id', NEW.id, 'name', NEW.name, 'broadcaster', NEW.broadcaster,
			'category', NEW.category, 'price', NEW.price),
		UTC_TIMESTAMP(6));
	SET @outbox_id = LAST_INSERT_ID();
END//

-- A change of the key is the end of one thing and the start of another. When the old row is still there, nothing
-- was changed: MariaDB comes here for rows, too, that UPDATE IGNORE had to leave as they were.
DROP TRIGGER IF EXISTS item_after_update//
CREATE TRIGGER item_after_update AFTER UPDATE ON item FOR EACH ROW
capture: BEGIN
	IF NEW.id <> OLD.id AND EXISTS (SELECT 1 FROM item WHERE id = OLD.id) THEN
		LEAVE capture;
	END IF;
	IF NEW.id <> OLD.id THEN
		INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
		VALUES ('item', OLD.id, 'deleted', NULL, UTC_TIMESTAMP(6));
	END IF;
	INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
	VALUES ('item', NEW.id, 'changed',
		JSON_OBJECT('id', NEW.id, 'name', NEW.name, 'broadcaster', NEW.broadcaster,
			'category', NEW.category, 'price', NEW.price),
		UTC_TIMESTAMP(6));
	SET @outbox_id = LAST_INSERT_ID();
END//

DROP TRIGGER IF EXISTS item_after_delete//
CREATE TRIGGER item_after_delete AFTER DELETE ON item FOR EACH ROW
BEGIN
	INSERT INTO outbox (aggregatetype, aggregateid, type, payload, created)
	VALUES ('item', OLD.id, 'deleted', NULL, UTC_TIMESTAMP(6));
	SET @outbox_id = LAST_INSERT_ID();
END//

DELIMITER ;

UNLOCK TABLES;
