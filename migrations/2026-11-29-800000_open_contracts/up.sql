-- By how many more contracts had lessons to come when the day ended than when it began: coverage tolerates a fen of each.
ALTER TABLE owed_days ADD COLUMN contracts int NOT NULL DEFAULT 0;
-- What is open by now is known; on which of the days before each of them was, nobody wrote down.
UPDATE owed_days o SET contracts = c.open FROM (
    SELECT c.tenant_id, c.institution_id, count(*)::int AS open, (SELECT max(l.day) FROM owed_days l
            WHERE l.tenant_id = c.tenant_id AND l.institution_id = c.institution_id) AS day
    FROM contracts c WHERE c.consumed_fen + c.refunded_fen < c.paid_fen GROUP BY c.tenant_id, c.institution_id) c
WHERE o.tenant_id = c.tenant_id AND o.institution_id = c.institution_id AND o.day = c.day;
