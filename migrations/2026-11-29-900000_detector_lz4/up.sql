-- The detector's state is written with every push; lz4 takes a fraction of the time. A PostgreSQL that was built without it,
-- or a cluster that cannot change it, goes on with what it has.
DO $$
BEGIN
    ALTER TABLE escrow_accounts ALTER COLUMN detector SET COMPRESSION lz4;
    ALTER TABLE warnings ALTER COLUMN history SET COMPRESSION lz4;
EXCEPTION
    WHEN feature_not_supported OR invalid_parameter_value THEN
        RAISE NOTICE 'lz4 is not there: %', SQLERRM;
END
$$;
