DROP POLICY part ON approvals;
DROP POLICY part ON courses;
DROP POLICY part ON institutions;
ALTER TABLE courses DROP COLUMN township;
ALTER TABLE courses DROP COLUMN department;
ALTER TABLE institutions DROP COLUMN department;
DROP TABLE department_routes;
