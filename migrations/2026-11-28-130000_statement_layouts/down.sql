REVOKE UPDATE (booked_at, seq) ON entries FROM mingjian_ingest;
DROP POLICY place ON entries;
DROP TABLE statement_drafts, statement_layouts;
