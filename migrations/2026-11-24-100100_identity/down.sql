DROP TABLE machine_nonces;
DROP TABLE machine_keys;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE sign_in_names;
DROP TABLE users;
