// What user code imports. The engine has all of it already: this file only gives it the names that a bundler can see.

const alyx = globalThis.__alyx;

if (alyx === undefined) {
  throw new Error(
    "@alyx/functions runs in PostgreSQL, on the engine of alyx_functions: build with alyx-build, and test with @alyx/functions/testing",
  );
}

export const { handler, DatabaseError, FunctionError, HttpError } = alyx;
