#include "core/store_schema.h"

namespace scalselect {
namespace {

// Columns of the table of runs, which both versions share; STATES: SQL list of the states that a run may have.
#define RUN_COLUMNS(STATES)                                                      \
  "id TEXT PRIMARY KEY,"                                                         \
  "experiment_id INTEGER NOT NULL REFERENCES experiments(id) ON DELETE CASCADE," \
  "name TEXT NOT NULL,"                                                          \
  "status TEXT NOT NULL CHECK (status IN (" STATES                               \
  ")),"                                                                          \
  "attempt INTEGER NOT NULL DEFAULT 1,"                                          \
  "config_hash TEXT NOT NULL,"                                                   \
  "config TEXT NOT NULL,"                                                        \
  "choices TEXT NOT NULL,"                                                       \
  "overrides TEXT NOT NULL,"                                                     \
  "provenance TEXT NOT NULL,"                                                    \
  "host TEXT NOT NULL,"                                                          \
  "pid INTEGER NOT NULL,"                                                        \
  "started_ms INTEGER NOT NULL,"                                                 \
  "heartbeat_ms INTEGER NOT NULL,"                                               \
  "ended_ms INTEGER,"                                                            \
  "error TEXT NOT NULL DEFAULT ''"

constexpr const char* kSteps[] = {
    R"sql(
CREATE TABLE experiments (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE runs ()sql" RUN_COLUMNS("'running', 'finished', 'failed', 'killed', 'stale'") R"sql() STRICT;
CREATE INDEX runs_by_experiment ON runs(experiment_id, started_ms);

CREATE TABLE params (
  run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE metrics (
  run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  step INTEGER NOT NULL,
  value REAL,
  is_nan INTEGER NOT NULL CHECK ((value IS NULL) = (is_nan = 1)),
  time_ms INTEGER NOT NULL,
  PRIMARY KEY (run_id, key, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE stages (
  run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  stage TEXT NOT NULL,
  key TEXT NOT NULL,
  cached INTEGER NOT NULL,
  wall_s REAL NOT NULL,
  cpu_s REAL NOT NULL,
  peak_rss INTEGER NOT NULL,
  PRIMARY KEY (run_id, stage)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
  run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  path TEXT NOT NULL,
  digest TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE inputs (
  run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  samples INTEGER NOT NULL,
  PRIMARY KEY (run_id, role)
) STRICT, WITHOUT ROWID;
)sql",
    // Runs may be interrupted, and keep their warnings. SQLite cannot change a CHECK in place.
    R"sql(
CREATE TABLE runs_with_warnings ()sql" RUN_COLUMNS(
        "'running', 'finished', 'failed', 'interrupted', 'killed', 'stale'") R"sql(,
  warnings TEXT NOT NULL DEFAULT '[]'
) STRICT;
INSERT INTO runs_with_warnings SELECT *, '[]' FROM runs;
DROP TABLE runs;
ALTER TABLE runs_with_warnings RENAME TO runs;
CREATE INDEX runs_by_experiment ON runs(experiment_id, started_ms);
)sql",
};

}  // namespace

std::span<const char* const> store_migrations() { return kSteps; }

}  // namespace scalselect
