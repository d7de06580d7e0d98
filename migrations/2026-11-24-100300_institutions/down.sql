DROP TABLE list_decisions;
DROP TABLE approvals;
DROP TABLE imports;
ALTER TABLE users DROP CONSTRAINT users_institution;
DROP TABLE institutions;
