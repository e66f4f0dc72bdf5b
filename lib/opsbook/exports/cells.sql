-- What a cell of an export says: its text as a number, a time, an object. A macro gives NULL for a
-- cell that is empty and for one that it cannot read; a reader tells the two apart by `cell`.
-- Names after a dollar stand in exports/cells.py.

-- Most cells begin with a digit or another letter: for them one look at the first sign is enough.
CREATE OR REPLACE TEMP MACRO cell(x) AS
  CASE WHEN x >= '0' AND NOT (x >= 'N' AND x < 'O') AND NOT (x >= 'n' AND x < 'o') THEN trim(x)
       ELSE CASE lower(trim(x)) $empty ELSE trim(x) END END;

-- The text with keys and e-mail addresses masked: one look does for most cells.
CREATE OR REPLACE TEMP MACRO hidden(x) AS
  CASE WHEN (length(x) >= 15 OR contains(x, '@')) AND regexp_matches(x, $suspect)
       THEN masked(x) ELSE x END;

-- What identifies a row by one cell: itself, or a hash of it where it would have to be masked.
CREATE OR REPLACE TEMP MACRO identity(x) AS
  CASE WHEN length(x) >= 15 AND regexp_matches(x, $suspect) THEN md5(x) ELSE x END;

CREATE OR REPLACE TEMP MACRO exact(x) AS CASE WHEN abs(x) <= $largest THEN x END;

-- 10.0, 1e-05, 1,234.5, $5.00; between thousands people set spaces and apostrophes too.
CREATE OR REPLACE TEMP MACRO number_with_point(x) AS coalesce(
  CASE WHEN NOT contains(x, '_') THEN exact(try_cast(x AS DOUBLE)) END,
  CASE WHEN regexp_full_match(trim(x), $grouped_with_point)
       THEN exact(try_cast(regexp_replace(x, '[^0-9.eE+-]', '', 'g') AS DOUBLE)) END);

-- 1.234,56; a number with a decimal point is refused, never guessed.
CREATE OR REPLACE TEMP MACRO number_with_comma(x) AS
  CASE WHEN regexp_full_match(trim(x), $grouped_with_comma)
       THEN exact(try_cast(replace(regexp_replace(x, '[^0-9,eE+-]', '', 'g'), ',', '.') AS DOUBLE))
  END;

-- Seconds since 1970, or thousandths, millionths or billionths of them, from 2001 to 2286.
CREATE OR REPLACE TEMP MACRO since_epoch(n) AS
  CASE WHEN n BETWEEN 1e9 AND 1e10 THEN make_timestamptz(round(n * 1e6)::BIGINT)
       WHEN n BETWEEN 1e12 AND 1e13 THEN make_timestamptz(round(n * 1e3)::BIGINT)
       WHEN n BETWEEN 1e15 AND 1e16 THEN make_timestamptz(round(n)::BIGINT)
       WHEN n BETWEEN 1e18 AND 1e19 THEN make_timestamptz(round(n / 1e3)::BIGINT) END;

-- Times written 3.11.2026 or 11/3/2026 or 5/1/25, with or without a time of day.
CREATE OR REPLACE TEMP MACRO dated(x, slashed) AS
  CASE WHEN regexp_matches(x, '^\d{1,2}\.\d{1,2}\.\d{4}')
         THEN try_strptime(x, ['%d.%m.%Y %H:%M:%S', '%d.%m.%Y %H:%M', '%d.%m.%Y'])
       WHEN regexp_matches(x, '^\d{1,2}/\d{1,2}/\d{4}')
         THEN try_strptime(x, [slashed || '/%Y %H:%M:%S', slashed || '/%Y %H:%M', slashed || '/%Y'])
       WHEN regexp_matches(x, '^\d{1,2}/\d{1,2}/\d{2}')
         THEN try_strptime(x, [slashed || '/%y %H:%M:%S', slashed || '/%y %H:%M', slashed || '/%y'])
  END;

-- A time of the wall in a zone. The first of two when the clocks go back; the hour that they skip
-- gives NULL.
CREATE OR REPLACE TEMP MACRO on_the_wall(t, zone) AS
  CASE WHEN timezone(zone, timezone(zone, t) - INTERVAL 1 HOUR) = t
         THEN timezone(zone, t) - INTERVAL 1 HOUR
       WHEN timezone(zone, timezone(zone, t) - INTERVAL 30 MINUTE) = t
         THEN timezone(zone, t) - INTERVAL 30 MINUTE
       WHEN timezone(zone, timezone(zone, t)) = t THEN timezone(zone, t) END;

-- A time without a zone, as it stands.
CREATE OR REPLACE TEMP MACRO naive(x, slashed) AS
  CASE WHEN regexp_matches(x, '^\d{4}-\d\d-\d\d($|[T ]\d\d:\d\d)')
         THEN try_cast(x AS TIMESTAMP) ELSE dated(x, slashed) END;

CREATE OR REPLACE TEMP MACRO in_the_era(t) AS
  CASE WHEN t >= TIMESTAMPTZ '2000-01-01 00:00:00+00' AND t < TIMESTAMPTZ '2100-01-01 00:00:00+00'
       THEN t END;

-- A time with its zone, a time since an epoch, or one of the wall in a zone.
CREATE OR REPLACE TEMP MACRO written_time(x, zone, slashed) AS
  CASE WHEN regexp_matches(x, '^\d{4}-\d\d-\d\d[T ].*\d(Z|[+-]\d\d(:?\d\d)?| UTC)$')
         THEN try_cast(x AS TIMESTAMPTZ)
       WHEN regexp_matches(x, '^\d+(\.\d+)?([eE]\+?\d+)?$') THEN since_epoch(try_cast(x AS DOUBLE))
       WHEN zone = 'UTC' THEN timezone('UTC', naive(x, slashed))
       ELSE on_the_wall(naive(x, slashed), zone) END;

-- ISO 8601 with or without a zone, time since an epoch, dd.mm.yyyy; in quotes or without.
CREATE OR REPLACE TEMP MACRO any_time(x, zone, slashed) AS coalesce(
  CASE WHEN suffix(x, 'Z') THEN try_cast(x AS TIMESTAMPTZ) END,
  written_time(trim(cell(x), '"'), zone, slashed));

-- A JSON object as a map of texts; no entries for anything else.
CREATE OR REPLACE TEMP MACRO object(x) AS
  CASE WHEN x[1] = '{' AND json_valid(x) THEN try_cast(x::JSON AS MAP(VARCHAR, VARCHAR)) END;

-- A count of tokens, written as a number or as text; 0 for anything else.
CREATE OR REPLACE TEMP MACRO tokens(x) AS
  greatest(least(round(coalesce(exact(try_cast(x AS DOUBLE)), 0)), $largest), 0)::BIGINT;
