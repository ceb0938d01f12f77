-- Sessions pushed by the marketplace. `key` is a keyed hash of the session id; the id itself is never stored.
CREATE TABLE sessions (
    key        BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    subject    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    tenant     TEXT    NOT NULL,
    scopes     TEXT,                        -- space-separated; NULL: not limited
    read_only  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,            -- seconds since 1970
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    puts       INTEGER NOT NULL DEFAULT 1   -- how often this id was pushed; 1: new
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_subject ON sessions (subject);
CREATE INDEX sessions_by_expires_at ON sessions (expires_at);

-- Which session.secret the keys above were made with: a keyed hash of a constant.
CREATE TABLE session_secret (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    witness  BLOB    NOT NULL
) STRICT;
