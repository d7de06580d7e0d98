DROP TABLE school_calendars;
DROP TABLE tenants;
