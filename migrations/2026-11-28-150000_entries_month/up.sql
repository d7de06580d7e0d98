-- Two deliveries may open a month at once. Who waited for the lock may still see the month as missing, and then makes it again.
CREATE OR REPLACE FUNCTION ensure_entries_month(month date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    part  text := format('entries_%s', to_char(first, 'YYYYMM'));
BEGIN
    IF first < date '1990-01-01' OR first > date '2100-01-01' THEN
        RAISE EXCEPTION 'no entries are kept for the month %', first USING ERRCODE = '22008';
    END IF;
    IF to_regclass('public.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ensure_entries_month'));
    IF to_regclass('public.' || part) IS NULL THEN
        EXECUTE format('CREATE TABLE IF NOT EXISTS public.%I PARTITION OF public.entries FOR VALUES FROM (%L) TO (%L)',
                       part, first::text || ' 00:00:00+08', (first + interval '1 month')::date::text || ' 00:00:00+08');
    END IF;
END $$;
