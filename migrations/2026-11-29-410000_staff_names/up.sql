-- Names of the staff whom approved filings publish: money that goes to one of them is told (FUND-UNUSUAL-COUNTERPARTY).
ALTER TABLE institutions ADD COLUMN staff_names text[] NOT NULL DEFAULT '{}';
UPDATE institutions i SET staff_names = n.names FROM (
    SELECT c.tenant_id, c.institution_id, array_agg(DISTINCT p ->> 'name' ORDER BY p ->> 'name') AS names
      FROM courses c, jsonb_path_query(c.filing, '$.instructors[*]') p
     WHERE c.status = 'approved' AND coalesce(p ->> 'name', '') <> '' GROUP BY c.tenant_id, c.institution_id) n
 WHERE i.tenant_id = n.tenant_id AND i.id = n.institution_id;
-- What is learned of them now holds for the history, too, as it does when it is learned later.
UPDATE escrow_accounts a SET owed_changed_on = '1990-01-01' FROM institutions i
 WHERE i.tenant_id = a.tenant_id AND i.id = a.institution_id AND i.staff_names <> '{}' AND a.entry_count > 0;
