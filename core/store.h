// Every result in one SQLite file: what was run, with which configuration, from which bytes, and what came out.
//
// One process writes at a time (the coordinator of a run or sweep); readers open the file read-only. Large arrays stay
// in artifact folders and are only named here. The schema is described by the migrations in store_schema.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace scalselect {

/// A run as it starts.
struct RunStart {
  std::string experiment;   ///< name of the experiment; created when new
  std::string name;         ///< readable: "scalselect budget=0.16 seed=1"
  std::string config_hash;  ///< SHA-256 of the resolved config without volatile keys
  nlohmann::ordered_json config;
  nlohmann::ordered_json choices;  ///< group -> option
  std::vector<std::string> overrides;
  nlohmann::ordered_json provenance;  ///< versions, machine, command line
};

/// A run as it is read back.
struct RunRow {
  std::string id, experiment, name, error, config_hash;
  /// "running", "finished", "failed", "interrupted" (by a signal), "killed"; "stale": left running by a process of this
  /// host that has ended.
  std::string status;
  int attempt = 1;
  std::int64_t started_ms = 0, ended_ms = 0;
  nlohmann::ordered_json config, choices, provenance;
  std::vector<std::string> overrides;
  std::vector<std::string> warnings;  ///< each warning once: rows left out, with the reason
};

struct StageRow {
  std::string stage;  ///< "features", "selection", ... with a suffix where a run has several
  std::string key;    ///< digest of the artifact
  bool cached = false;
  double wall_s = 0, cpu_s = 0;
  std::int64_t peak_rss = 0;  ///< bytes
};

struct MetricRow {
  std::string key;        ///< a path: "train/loss", "eval/mmbench/accuracy"
  std::int64_t step = 0;  ///< 0 where there is no time axis
  double value = 0;       ///< NaN and infinities allowed
};

struct ArtifactRow {
  std::string name, path, digest;
  std::int64_t bytes = 0;
};

class Store {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  /// In place of a file: a store that is gone with its object.
  static constexpr const char* kInMemory = ":memory:";

  /// Opens (kReadWrite: creates, migrates) the file. Throws UserError: another program's file, a newer schema, a file
  /// that cannot be written.
  explicit Store(const std::filesystem::path& file, Mode mode = Mode::kReadWrite);
  ~Store();

  /// Begins a run, or attempt + 1 of it if the same experiment already holds this config hash; returns its id. A
  /// finished run stays finished meanwhile: its results are not lost if the new attempt is killed.
  std::string start_run(const RunStart& run);
  /// For a finished run that is tried again: start_run leaves it the provenance of the attempt that computed it.
  void set_provenance(const std::string& run_id, const nlohmann::ordered_json& provenance);
  /// status: "finished", "failed", "interrupted" or "killed".
  void finish_run(const std::string& run_id, const std::string& status, const std::string& error = {});
  /// Marks runs of this host whose process has ended as "stale"; returns how many.
  int mark_stale_runs();

  /// Each call is one transaction; repeating it changes nothing (rows are keyed by run and name). These, start_run and
  /// finish_run throw UserError(kEnvironment) if the file cannot be written any more.
  void log_warnings(const std::string& run_id, const std::vector<std::string>& warnings);
  void log_metrics(const std::string& run_id, const std::vector<MetricRow>& metrics);
  void log_stage(const std::string& run_id, const StageRow& stage);
  void log_artifact(const std::string& run_id, const ArtifactRow& artifact);
  /// What the run read: role "pool" or "model", its digest and number of samples.
  void log_input(const std::string& run_id, const std::string& role, const std::string& name, const std::string& digest,
                 std::int64_t samples);

  /// Runs in order of start; of one experiment, or of all if empty.
  std::vector<RunRow> runs(const std::string& experiment = {}) const;
  /// By id or by a unique prefix of it. Throws UserError(kUsage) if none or several match.
  RunRow run(const std::string& id_prefix) const;
  /// The last step's value of every metric whose key begins with `prefix`.
  std::map<std::string, double> latest_metrics(const std::string& run_id, const std::string& prefix = {}) const;
  /// All steps of one metric.
  std::vector<MetricRow> metric_history(const std::string& run_id, const std::string& key) const;
  std::vector<StageRow> stages(const std::string& run_id) const;
  std::vector<ArtifactRow> artifacts(const std::string& run_id) const;
  std::vector<std::string> experiments() const;

  int schema_version() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scalselect
