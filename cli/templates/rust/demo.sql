-- A row that the function changes. Run it once {{name}} is deployed.
CREATE TABLE IF NOT EXISTS public.{{table}}_posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL, slug text);
SELECT fn_attach('{{name}}', 'public.{{table}}_posts', '{insert}', 'before')
 WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = 'public.{{table}}_posts'::regclass AND NOT t.tgisinternal);
INSERT INTO public.{{table}}_posts (title) VALUES ('Hello, World!') RETURNING title, slug;
