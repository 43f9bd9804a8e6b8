-- The daemon's database, schema version 2 (PRAGMA user_version). The writer of store.c is the
-- only one who changes it; docs/state-directory.md says what else the state directory holds.
--
-- Jobs have a number beside their id: it keeps the rows of a million points small. Non-finite
-- numbers are NULL. Times are microseconds since 1970, UTC. Weights are never in here.

CREATE TABLE jobs (
    number            INTEGER PRIMARY KEY AUTOINCREMENT,
    id                TEXT NOT NULL UNIQUE,
    state             INTEGER NOT NULL,           -- enum ur_job_state
    command           INTEGER NOT NULL DEFAULT 0, -- enum ur_command: asked for, not yet done
    name              TEXT NOT NULL,
    tags              TEXT NOT NULL,              -- JSON array
    priority          INTEGER NOT NULL,
    spec              TEXT NOT NULL,              -- JSON, every default filled in
    restarts          INTEGER NOT NULL DEFAULT 0,
    created_us        INTEGER NOT NULL,
    started_us        INTEGER NOT NULL DEFAULT 0,
    ended_us          INTEGER NOT NULL DEFAULT 0,
    parameters        INTEGER NOT NULL DEFAULT 0,
    memory_bytes      INTEGER NOT NULL DEFAULT 0,
    dataset_sha256    TEXT NOT NULL DEFAULT '',
    numerics_profile  TEXT NOT NULL DEFAULT '',
    version           TEXT NOT NULL DEFAULT '',
    error_code        TEXT NOT NULL DEFAULT '',
    error_detail      TEXT,
    model_name        TEXT NOT NULL DEFAULT '',
    model_version     INTEGER NOT NULL DEFAULT 0,
    report            TEXT,                       -- JSON
    parent            TEXT NOT NULL DEFAULT '',   -- of a fork: the id of the job it left
    parent_step       INTEGER NOT NULL DEFAULT 0, -- and the step at which
    -- what moves while the job runs
    step              INTEGER NOT NULL DEFAULT 0, -- the highest seen
    steps             INTEGER NOT NULL DEFAULT 0,
    epoch             INTEGER NOT NULL DEFAULT 0,
    epoch_ended       INTEGER NOT NULL DEFAULT 0,
    checkpoint_step   INTEGER NOT NULL DEFAULT 0,
    loss              REAL,
    accuracy          REAL,
    images_per_second REAL,
    best_step         INTEGER NOT NULL DEFAULT 0,
    best_epoch        INTEGER NOT NULL DEFAULT 0,
    best_accuracy     REAL,
    weights_sha256    TEXT NOT NULL DEFAULT ''
) STRICT;

-- number is the order in which events were committed, over all jobs: a stream of several jobs
-- is replayed in it. sequence counts within a job from 1, without a hole.
CREATE TABLE events (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    job      INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    name     TEXT NOT NULL,
    data     TEXT NOT NULL,
    UNIQUE (job, sequence)
) STRICT;

CREATE TABLE points (
    job               INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    step              INTEGER NOT NULL,
    epoch             INTEGER NOT NULL,
    loss              REAL,
    accuracy          REAL,
    learning_rate     REAL,
    gradient_norm     REAL,
    images_per_second REAL,
    seconds           REAL,
    PRIMARY KEY (job, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE epochs (
    job                 INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    epoch               INTEGER NOT NULL,
    step                INTEGER NOT NULL,
    train_loss          REAL,
    train_accuracy      REAL,
    validation_loss     REAL,
    validation_accuracy REAL,
    seconds             REAL,
    weights_sha256      TEXT NOT NULL,
    PRIMARY KEY (job, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE confusions (
    job     INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    epoch   INTEGER NOT NULL,
    split   INTEGER NOT NULL, -- enum ur_split
    classes INTEGER NOT NULL,
    counts  BLOB NOT NULL,    -- u32 little-endian, [true][predicted]
    PRIMARY KEY (job, epoch, split)
) STRICT;

-- What steps looked like from inside; at most 512 of a job, spread over its whole run.
CREATE TABLE insights (
    job  INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    step INTEGER NOT NULL,
    data TEXT NOT NULL, -- JSON
    PRIMARY KEY (job, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    key         TEXT PRIMARY KEY,
    body_sha256 TEXT NOT NULL,
    job         TEXT NOT NULL, -- its id
    reply       TEXT NOT NULL,
    expires_us  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
    name           TEXT NOT NULL,
    version        INTEGER NOT NULL,
    job            TEXT NOT NULL UNIQUE, -- its id: a job registers once, however often it ends
    file           TEXT NOT NULL,        -- below models/, made by the server
    bytes          INTEGER NOT NULL,
    weights_sha256 TEXT NOT NULL,
    report         TEXT NOT NULL,        -- JSON
    created_us     INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT;

-- The highest version that a name ever had: a deleted version's number is never given again.
CREATE TABLE model_names (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a worker said of a data set whose files had this signature (sizes and times).
CREATE TABLE datasets (
    name      TEXT PRIMARY KEY,
    signature TEXT NOT NULL,
    kind      TEXT NOT NULL,
    sha256    TEXT NOT NULL,
    steps     INTEGER NOT NULL,
    width     INTEGER NOT NULL,
    classes   INTEGER NOT NULL,
    n_train   INTEGER NOT NULL,
    n_test    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
