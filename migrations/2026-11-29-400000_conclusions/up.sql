-- What people found when they closed a warning: it was founded, or it was a false alarm. Null where nobody said.
ALTER TABLE warnings ADD COLUMN conclusion text CHECK (conclusion IN ('founded', 'unfounded'));
-- Since when an institution stands as it does; for those on record before, the day on which it was last written.
ALTER TABLE institutions ADD COLUMN status_on date;
UPDATE institutions SET status_on = (updated_at AT TIME ZONE interval '8 hours')::date;
