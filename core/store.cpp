#include "core/store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <ctime>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/store_schema.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

constexpr int kBusyTimeoutMs = 20000;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof(name) - 1);
  return name;
}

/// Whether the process that wrote to the store at `heard_ms` has ended. Process ids are reused after a reboot, so a
/// process from before the last one is gone even if its id exists.
bool is_gone(const std::string& host, std::int64_t pid, std::int64_t heard_ms) {
  if (host != host_name()) return false;
  if (::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) return true;
  constexpr std::int64_t kClockSlackMs = 60000;
  timespec up{};
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  return heard_ms + kClockSlackMs < now_ms() - up.tv_sec * 1000;
}

/// Takes the write lock at once: a plain BEGIN that reads first fails, without waiting, when another writer commits.
class WriteTransaction {
 public:
  explicit WriteTransaction(SQLite::Database& db) : db_(db) { db_.exec("BEGIN IMMEDIATE"); }
  ~WriteTransaction() {
    if (!done_) db_.tryExec("ROLLBACK");
  }
  void commit() {
    db_.exec("COMMIT");
    done_ = true;
  }

 private:
  SQLite::Database& db_;
  bool done_ = false;
};

void flatten(const nlohmann::ordered_json& tree, const std::string& path,
             std::vector<std::pair<std::string, std::string>>& out) {
  if (tree.is_object() && !tree.empty()) {
    for (const auto& [key, value] : tree.items()) flatten(value, path.empty() ? key : path + "." + key, out);
  } else {
    out.emplace_back(path, tree.is_string() ? tree.get<std::string>() : tree.dump());
  }
}

/// Even a reader of a write-ahead log creates a file beside it. Where that is impossible and no log is left, the file
/// is read as one that does not change.
bool is_frozen(const fs::path& file) {
  const auto folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  std::error_code none;
  const auto log_bytes = fs::file_size(file.string() + "-wal", none);
  return ::access(folder.c_str(), W_OK) != 0 && (none || log_bytes == 0);
}

std::string immutable_uri(const fs::path& file) {
  std::string uri = "file:";
  for (const char c : file.string()) {
    if (c == '?' || c == '#' || c == '%') uri += fmt::format("%{:02X}", static_cast<unsigned>(c));
    else uri += c;
  }
  return uri + "?immutable=1";
}

SQLite::Database open_database(const fs::path& file, Store::Mode mode) {
  if (mode == Store::Mode::kReadOnly && !fs::exists(file)) {
    throw UserError(ErrorKind::kInput, "There is no result store '" + file.string() + "'.",
                    "Run an experiment first, or name another file with store=FILE.");
  }
  if (mode == Store::Mode::kReadWrite) ensure_folder(file.parent_path());
  try {
    if (mode == Store::Mode::kReadOnly && is_frozen(file)) {
      return SQLite::Database(immutable_uri(file), SQLite::OPEN_READONLY | SQLite::OPEN_URI, kBusyTimeoutMs);
    }
    const int flags =
        mode == Store::Mode::kReadOnly ? SQLite::OPEN_READONLY : SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE;
    return SQLite::Database(file.string(), flags, kBusyTimeoutMs);
  } catch (const SQLite::Exception& error) {
    throw UserError(ErrorKind::kEnvironment,
                    "Cannot open the result store '" + file.string() + "': " + error.what() + ".",
                    "Check the folder's permissions and free space.");
  }
}

}  // namespace

struct Store::Impl {
  fs::path file;
  mutable SQLite::Database db;
  int schema = 0;  ///< of the open file; below the newest where it may only be read

  Impl(const fs::path& path, Mode mode) : file(path), db(open_database(path, mode)) {
    try {
      prepare(mode);
    } catch (const SQLite::Exception& error) {
      throw UserError(ErrorKind::kInput,
                      "'" + file.string() + "' cannot be used as a result store: " + error.what() + ".",
                      "Free space on its disk, move the file away, or name another one with store=FILE.");
    }
  }

  void prepare(Mode mode) {
    const int application = db.execAndGet("PRAGMA application_id").getInt();
    const int version = db.execAndGet("PRAGMA user_version").getInt();
    const int tables = db.execAndGet("SELECT count(*) FROM sqlite_master").getInt();
    if (application != kStoreApplicationId && tables > 0) {
      throw UserError(ErrorKind::kInput,
                      "'" + file.string() + "' is an SQLite file, but not a result store of this program.",
                      "Name another file with store=FILE.");
    }
    const int newest = static_cast<int>(store_migrations().size());
    if (mode == Mode::kReadOnly && tables == 0) {
      throw UserError(ErrorKind::kInput, "The result store '" + file.string() + "' is empty: it holds no runs.",
                      "Run an experiment first, or name another file with store=FILE.");
    }
    if (version > newest) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("'{}' has schema {}, this program knows up to {}.", file.string(), version, newest),
                      "Use the newer program, or another file with store=FILE.");
    }
    if (mode == Mode::kReadOnly) {
      schema = version;
      return;
    }
    const std::string journal = db.execAndGet("PRAGMA journal_mode = WAL").getString();
    if (journal != "wal" && file != Store::kInMemory)
      log_warning("'{}': no write-ahead log on this file system; using '{}'.", file.string(), journal);
    db.exec("PRAGMA synchronous = NORMAL");
    if (version < newest && tables > 0) backup(version);
    db.exec("PRAGMA foreign_keys = OFF");  // a migration may replace a table that others refer to
    for (int step = version; step < newest; ++step) migrate(step);
    schema = newest;
    db.exec("PRAGMA foreign_keys = ON");
  }

  void backup(int version) {
    const std::string copy = fmt::format("{}.schema{}", file.string(), version);
    if (fs::exists(copy)) return;
    SQLite::Statement vacuum(db, "VACUUM INTO ?");
    vacuum.bind(1, copy);
    vacuum.exec();
  }

  void migrate(int step) {
    WriteTransaction transaction(db);
    // Another process may have migrated it in the meantime.
    if (db.execAndGet("PRAGMA user_version").getInt() <= step) {
      db.exec(store_migrations()[static_cast<std::size_t>(step)]);
      db.exec(fmt::format("PRAGMA user_version = {}", step + 1));
      db.exec(fmt::format("PRAGMA application_id = {}", kStoreApplicationId));
    }
    transaction.commit();
  }

  /// Runs `action`; an error of SQLite (a full disk, a lock held too long, a damaged file) becomes a sentence.
  template <class Action>
  auto use(const Action& action) const {
    try {
      return action();
    } catch (const SQLite::Exception& error) {
      throw UserError(ErrorKind::kEnvironment,
                      fmt::format("The result store '{}' failed: {}.", file.string(), error.what()),
                      "Check permissions and free space, or name another file with store=FILE.");
    } catch (const nlohmann::json::exception& error) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("The result store '{}' holds a damaged record: {}.", file.string(), error.what()),
                      "Put a copy of the file in its place, or name another one with store=FILE.");
    }
  }

  std::int64_t experiment_id(const std::string& name) {
    SQLite::Statement insert(db,
                             "INSERT INTO experiments(name, created_ms) VALUES (?, ?) ON CONFLICT(name) DO NOTHING");
    insert.bind(1, name);
    insert.bind(2, now_ms());
    insert.exec();
    SQLite::Statement query(db, "SELECT id FROM experiments WHERE name = ?");
    query.bind(1, name);
    query.executeStep();
    return query.getColumn(0).getInt64();
  }
};

Store::Store(const fs::path& file, Mode mode) : impl_(std::make_unique<Impl>(file, mode)) {}
Store::~Store() = default;

std::string Store::start_run(const RunStart& run) {
  return impl_->use([&] {
    std::string id = sha256(run.experiment + "\n" + run.config_hash).substr(0, 12);
    WriteTransaction transaction(impl_->db);
    SQLite::Statement upsert(impl_->db, R"sql(
      INSERT INTO runs(id, experiment_id, name, status, config_hash, config, choices, overrides, provenance, host, pid,
                       started_ms, heartbeat_ms)
      VALUES (?1, ?2, ?3, 'running', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)
      ON CONFLICT(id) DO UPDATE SET status = iif(status = 'finished', status, 'running'), attempt = attempt + 1,
        ended_ms = iif(status = 'finished', ended_ms, NULL), name = excluded.name,
        config = excluded.config, choices = excluded.choices, overrides = excluded.overrides,
        provenance = iif(status = 'finished', provenance, excluded.provenance), host = excluded.host, pid = excluded.pid,
        heartbeat_ms = excluded.heartbeat_ms, error = '')sql");
    upsert.bind(1, id);
    upsert.bind(2, impl_->experiment_id(run.experiment));
    upsert.bind(3, run.name);
    upsert.bind(4, run.config_hash);
    upsert.bind(5, run.config.dump());
    upsert.bind(6, run.choices.dump());
    upsert.bind(7, nlohmann::json(run.overrides).dump());
    upsert.bind(8, run.provenance.dump());
    upsert.bind(9, host_name());
    upsert.bind(10, static_cast<std::int64_t>(::getpid()));
    upsert.bind(11, now_ms());
    upsert.exec();

    std::vector<std::pair<std::string, std::string>> flat;
    flatten(run.config, "", flat);
    SQLite::Statement param(impl_->db, R"sql(INSERT INTO params(run_id, key, value) VALUES (?, ?, ?)
                                             ON CONFLICT(run_id, key) DO UPDATE SET value = excluded.value)sql");
    for (const auto& [key, value] : flat) {
      param.bind(1, id);
      param.bind(2, key);
      param.bind(3, value);
      param.exec();
      param.reset();
    }
    transaction.commit();
    return id;
  });
}

void Store::set_provenance(const std::string& run_id, const nlohmann::ordered_json& provenance) {
  impl_->use([&] {
    SQLite::Statement update(impl_->db, "UPDATE runs SET provenance = ? WHERE id = ?");
    update.bind(1, provenance.dump());
    update.bind(2, run_id);
    update.exec();
  });
}

void Store::log_warnings(const std::string& run_id, const std::vector<std::string>& warnings) {
  impl_->use([&] {
    SQLite::Statement update(impl_->db, "UPDATE runs SET warnings = ? WHERE id = ?");
    update.bind(1, nlohmann::json(warnings).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    update.bind(2, run_id);
    update.exec();
  });
}

void Store::finish_run(const std::string& run_id, const std::string& status, const std::string& error) {
  impl_->use([&] {
    SQLite::Statement update(impl_->db,
                             "UPDATE runs SET status = ?, error = ?, ended_ms = ?, heartbeat_ms = ?3 WHERE id = ?");
    update.bind(1, status);
    update.bind(2, error);
    update.bind(3, now_ms());
    update.bind(4, run_id);
    update.exec();
  });
}

int Store::mark_stale_runs() {
  return impl_->use([&] {
    std::vector<std::string> stale;
    SQLite::Statement query(impl_->db, "SELECT id, host, pid, heartbeat_ms FROM runs WHERE status = 'running'");
    while (query.executeStep()) {
      if (is_gone(query.getColumn(1).getString(), query.getColumn(2).getInt64(), query.getColumn(3).getInt64()))
        stale.push_back(query.getColumn(0).getString());
    }
    for (const auto& id : stale) finish_run(id, "stale", "its process ended without recording a result");
    return static_cast<int>(stale.size());
  });
}

void Store::log_metrics(const std::string& run_id, const std::vector<MetricRow>& metrics) {
  impl_->use([&] {
    WriteTransaction transaction(impl_->db);
    SQLite::Statement upsert(impl_->db, R"sql(
      INSERT INTO metrics(run_id, key, step, value, is_nan, time_ms) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT(run_id, key, step) DO UPDATE SET value = excluded.value, is_nan = excluded.is_nan)sql");
    const std::int64_t now = now_ms();
    for (const auto& metric : metrics) {
      upsert.bind(1, run_id);
      upsert.bind(2, metric.key);
      upsert.bind(3, metric.step);
      if (std::isnan(metric.value)) upsert.bind(4);  // NULL: SQLite has no NaN
      else upsert.bind(4, metric.value);
      upsert.bind(5, std::isnan(metric.value) ? 1 : 0);
      upsert.bind(6, now);
      upsert.exec();
      upsert.reset();
    }
    transaction.commit();
  });
}

void Store::log_stage(const std::string& run_id, const StageRow& stage) {
  impl_->use([&] {
    SQLite::Statement upsert(impl_->db, R"sql(
      INSERT INTO stages(run_id, stage, key, cached, wall_s, cpu_s, peak_rss) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT(run_id, stage) DO UPDATE SET key = excluded.key, cached = excluded.cached, wall_s = excluded.wall_s,
        cpu_s = excluded.cpu_s, peak_rss = excluded.peak_rss
        WHERE NOT (excluded.cached AND stages.key = excluded.key)  -- what it cost is known already)sql");
    upsert.bind(1, run_id);
    upsert.bind(2, stage.stage);
    upsert.bind(3, stage.key);
    upsert.bind(4, stage.cached ? 1 : 0);
    upsert.bind(5, stage.wall_s);
    upsert.bind(6, stage.cpu_s);
    upsert.bind(7, stage.peak_rss);
    upsert.exec();
  });
}

void Store::log_artifact(const std::string& run_id, const ArtifactRow& artifact) {
  impl_->use([&] {
    SQLite::Statement upsert(impl_->db, R"sql(
      INSERT INTO artifacts(run_id, name, path, digest, bytes) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT(run_id, name) DO UPDATE SET path = excluded.path, digest = excluded.digest, bytes = excluded.bytes)sql");
    upsert.bind(1, run_id);
    upsert.bind(2, artifact.name);
    upsert.bind(3, artifact.path);
    upsert.bind(4, artifact.digest);
    upsert.bind(5, artifact.bytes);
    upsert.exec();
  });
}

void Store::log_input(const std::string& run_id, const std::string& role, const std::string& name,
                      const std::string& digest, std::int64_t samples) {
  impl_->use([&] {
    SQLite::Statement upsert(impl_->db, R"sql(
      INSERT INTO inputs(run_id, role, name, digest, samples) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT(run_id, role) DO UPDATE SET name = excluded.name, digest = excluded.digest, samples = excluded.samples)sql");
    upsert.bind(1, run_id);
    upsert.bind(2, role);
    upsert.bind(3, name);
    upsert.bind(4, digest);
    upsert.bind(5, samples);
    upsert.exec();
  });
}

namespace {

std::string run_columns(int schema) {
  return fmt::format(
      "SELECT r.id, e.name, r.name, r.status, r.error, r.config_hash, r.attempt, r.started_ms, "
      "coalesce(r.ended_ms, 0), r.config, r.choices, r.provenance, r.overrides, {}, r.host, r.pid, r.heartbeat_ms "
      "FROM runs r JOIN experiments e ON e.id = r.experiment_id ",
      schema < 2 ? "'[]'" : "r.warnings");
}

RunRow read_run(SQLite::Statement& query) {
  RunRow row;
  int column = 0;
  for (auto* text : {&row.id, &row.experiment, &row.name, &row.status, &row.error, &row.config_hash}) {
    *text = query.getColumn(column++).getString();
  }
  row.attempt = query.getColumn(column++).getInt();
  row.started_ms = query.getColumn(column++).getInt64();
  row.ended_ms = query.getColumn(column++).getInt64();
  for (auto* tree : {&row.config, &row.choices, &row.provenance}) {
    *tree = nlohmann::ordered_json::parse(query.getColumn(column++).getString());
  }
  for (auto* list : {&row.overrides, &row.warnings})
    *list = nlohmann::json::parse(query.getColumn(column++).getString()).get<std::vector<std::string>>();
  const std::string host = query.getColumn(column++).getString();
  const std::int64_t pid = query.getColumn(column++).getInt64();
  if (row.status == "running" && is_gone(host, pid, query.getColumn(column).getInt64())) row.status = "stale";
  return row;
}

}  // namespace

std::vector<RunRow> Store::runs(const std::string& experiment) const {
  return impl_->use([&] {
    SQLite::Statement query(impl_->db,
                            run_columns(impl_->schema) + "WHERE ?1 = '' OR e.name = ?1 ORDER BY r.started_ms, r.rowid");
    query.bind(1, experiment);
    std::vector<RunRow> rows;
    while (query.executeStep()) rows.push_back(read_run(query));
    return rows;
  });
}

RunRow Store::run(const std::string& id_prefix) const {
  return impl_->use([&] {
    SQLite::Statement query(impl_->db, run_columns(impl_->schema) + "WHERE substr(r.id, 1, length(?1)) = ?1");
    query.bind(1, id_prefix);
    std::vector<RunRow> rows;
    while (query.executeStep()) rows.push_back(read_run(query));
    if (rows.size() == 1) return rows[0];
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("{} runs have an id that begins with '{}'.", rows.empty() ? "No" : "Several", id_prefix),
        "`scalselect runs` lists the ids.");
  });
}

std::map<std::string, double> Store::latest_metrics(const std::string& run_id, const std::string& prefix) const {
  return impl_->use([&] {
    // max(step) with bare columns: SQLite returns the row that holds the maximum.
    SQLite::Statement query(impl_->db, R"sql(SELECT key, value, max(step) FROM metrics
      WHERE run_id = ?1 AND substr(key, 1, length(?2)) = ?2 GROUP BY key)sql");
    query.bind(1, run_id);
    query.bind(2, prefix);
    std::map<std::string, double> values;
    while (query.executeStep()) {
      const auto column = query.getColumn(1);
      values[query.getColumn(0).getString()] = column.isNull() ? std::nan("") : column.getDouble();
    }
    return values;
  });
}

std::vector<MetricRow> Store::metric_history(const std::string& run_id, const std::string& key) const {
  return impl_->use([&] {
    SQLite::Statement query(impl_->db, "SELECT step, value FROM metrics WHERE run_id = ? AND key = ? ORDER BY step");
    query.bind(1, run_id);
    query.bind(2, key);
    std::vector<MetricRow> rows;
    while (query.executeStep()) {
      const auto column = query.getColumn(1);
      rows.push_back({key, query.getColumn(0).getInt64(), column.isNull() ? std::nan("") : column.getDouble()});
    }
    return rows;
  });
}

std::vector<StageRow> Store::stages(const std::string& run_id) const {
  return impl_->use([&] {
    SQLite::Statement query(
        impl_->db, "SELECT stage, key, cached, wall_s, cpu_s, peak_rss FROM stages WHERE run_id = ? ORDER BY stage");
    query.bind(1, run_id);
    std::vector<StageRow> rows;
    while (query.executeStep()) {
      rows.push_back({query.getColumn(0).getString(), query.getColumn(1).getString(), query.getColumn(2).getInt() != 0,
                      query.getColumn(3).getDouble(), query.getColumn(4).getDouble(), query.getColumn(5).getInt64()});
    }
    return rows;
  });
}

std::vector<ArtifactRow> Store::artifacts(const std::string& run_id) const {
  return impl_->use([&] {
    SQLite::Statement query(impl_->db,
                            "SELECT name, path, digest, bytes FROM artifacts WHERE run_id = ? ORDER BY name");
    query.bind(1, run_id);
    std::vector<ArtifactRow> rows;
    while (query.executeStep()) {
      rows.push_back({query.getColumn(0).getString(), query.getColumn(1).getString(), query.getColumn(2).getString(),
                      query.getColumn(3).getInt64()});
    }
    return rows;
  });
}

std::vector<std::string> Store::experiments() const {
  return impl_->use([&] {
    SQLite::Statement query(impl_->db, "SELECT name FROM experiments ORDER BY name");
    std::vector<std::string> names;
    while (query.executeStep()) names.push_back(query.getColumn(0).getString());
    return names;
  });
}

int Store::schema_version() const { return impl_->db.execAndGet("PRAGMA user_version").getInt(); }

}  // namespace scalselect
