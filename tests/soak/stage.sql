-- What the clients work on. Rows that belong together are written in one transaction: what is missing or doubled at the end
-- was lost or done twice.

-- Jobs that were asked for, and what jobs did.
CREATE TABLE asked (job uuid PRIMARY KEY, n int NOT NULL);
CREATE TABLE effects (job uuid, function text, n int, post bigint);

-- One job in fifty fails for good and one in ten once. A job for a post is an asynchronous trigger's.
CREATE FUNCTION perform(event jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE n int := event #>> '{input,n}';
BEGIN
    INSERT INTO public.effects
    VALUES ((event ->> 'id')::uuid, event #>> '{function,name}', n, (event #>> '{database,new,id}')::bigint);
    IF n % 50 = 0 OR n % 10 = 0 AND event ->> 'attempt' = '1' THEN
        RAISE 'job % does not like its number', n;
    END IF;
END $$;

-- A trigger of each kind: slug() fills a column, recorder() copies the row into events, notify() makes a job.
CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL, slug text);
CREATE TABLE events (event jsonb NOT NULL);

-- What is altered, emptied and dropped while others use it.
CREATE TABLE playground (id int, note text);

GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC;
