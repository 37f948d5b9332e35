-- The user domain: its one table and the sample data. Never changes; migrations do.
SET NAMES utf8mb4;

DROP TABLE IF EXISTS user;

-- A token is compared byte by byte, as its hash is at the neighbours.
CREATE TABLE user (
	id           int          NOT NULL AUTO_INCREMENT,
	name         varchar(64)  NOT NULL,
	access_token varchar(255) COLLATE utf8mb4_bin NOT NULL,
	PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO user (id, name, access_token) VALUES
	(1,  '김서연', '73506726-d628-4fca-a70a-0b88f5c1ded5'),
	(2,  '이준호', '40284e58-d0f4-4dc7-a635-305d823e6d43'),
	(3,  '최민지', '583f3e8d-3352-4f85-a524-2f3af8f9cc43'),
	(4,  '정우성', '6fa8d8ed-8e33-4d2c-a580-358d8c870dac'),
	(5,  '한지원', 'd4cefaa7-d687-4478-ad7a-744bc9a23f14'),
	(6,  '오세훈', 'dbcf5bc7-b1c8-41bf-8c25-eeafecf32a06'),
	(7,  '윤하늘', '8d2f89d0-f1f2-4565-9f11-d12e32fc4b28'),
	(8,  '강도현', 'b7c10bf8-1912-4dad-a8b3-1eb354b270fe'),
	(9,  '남궁다은', 'a4558699-81f6-4fbf-9e1b-ca9d440b1b5c'),
	(10, '박규경', '4a49145e-45a8-4845-af45-1af2a59bb044');
