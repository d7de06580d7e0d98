DROP TABLE machine_nonces;
DROP TABLE machine_keys;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE users;
DROP TABLE people;
