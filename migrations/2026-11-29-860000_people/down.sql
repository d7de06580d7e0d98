DELETE FROM access_requests WHERE subject_kind IN ('sponsor', 'contract', 'payment');
ALTER TABLE access_requests DROP CONSTRAINT access_requests_subject_kind_check,
    ADD CONSTRAINT access_requests_subject_kind_check CHECK (subject_kind IN ('institution', 'escrow_account', 'entry', 'course'));
ALTER TABLE contracts DROP COLUMN pupil_name_index;
DROP TABLE sponsors;
