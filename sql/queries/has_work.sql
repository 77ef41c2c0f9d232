SELECT EXISTS (SELECT FROM alyx._job) OR EXISTS (SELECT FROM alyx._deferred) OR EXISTS (SELECT FROM alyx._schedule)
