-- The rights of the service account: what item_svc uses and no more.
--
-- The account exists already. It may hold the whole schema (database images grant that), so everything
-- goes first; this form of REVOKE succeeds also when there is nothing to take. Locking reads use LOCK IN
-- SHARE MODE, for which SELECT is enough (MySQL: from 8.0.22); FOR UPDATE would ask for a right to write.
--
-- captured_events() tells the relay which triggers exist: 'DELETE,INSERT,UPDATE' when all do. To see a
-- trigger takes the right to drop it, which a service does not get, so it asks this function.
SET NAMES utf8mb4;

DELIMITER //

DROP FUNCTION IF EXISTS captured_events//
CREATE FUNCTION captured_events() RETURNS varchar(64) CHARACTER SET ascii
	READS SQL DATA
	SQL SECURITY DEFINER
BEGIN
	RETURN (SELECT COALESCE(GROUP_CONCAT(EVENT_MANIPULATION ORDER BY TRIGGER_NAME), '')
		FROM information_schema.TRIGGERS
		WHERE TRIGGER_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = 'item'
		  AND TRIGGER_NAME IN ('item_after_delete', 'item_after_insert', 'item_after_update'));
END//

DELIMITER ;

REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'item_svc'@'%';

GRANT SELECT ON item TO 'item_svc'@'%';
GRANT SELECT, INSERT, DELETE ON outbox TO 'item_svc'@'%';
GRANT SELECT, INSERT, UPDATE ON relay_position TO 'item_svc'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON relay_state TO 'item_svc'@'%';
GRANT EXECUTE ON FUNCTION captured_events TO 'item_svc'@'%';
