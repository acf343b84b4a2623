// Connections among the processes of a training: a TCP store to find each other by, and Gloo to send tensors.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "core/error.h"
#include "core/file_lock.h"
#include "core/files.h"
#include "trainer/group.h"

namespace scalselect::trainer {
namespace fs = std::filesystem;
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLook{100};                ///< between two looks at the meeting's file
constexpr milliseconds kSilent{5000};             ///< before it is told whom a process waits for
constexpr milliseconds kConnect{3000};            ///< for one attempt to reach process 0
constexpr milliseconds kConnectAll{120'000};      ///< among processes that have all been there
constexpr milliseconds kSilence{30 * 60 * 1000};  ///< a process that sends nothing for so long is taken for dead
constexpr char kToken[] = "meeting";

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  ::gethostname(name, HOST_NAME_MAX);
  return name;
}

/// What c10d says, without the place in its sources and the stack.
std::string plain(const std::exception& error) {
  std::string text = error.what();
  text.resize(std::min(text.size(), text.find('\n')));
  if (text.starts_with("[/")) text.erase(0, std::min(text.size(), text.find("] ") + 2));
  return text;
}

fs::path lock_of(const fs::path& meeting) { return meeting.string() + ".lock"; }
std::string place_of(int rank) { return fmt::format("rank-{}", rank); }

using Store = c10::intrusive_ptr<c10d::TCPStore>;

Store listen(const fs::path& meeting) {
  c10d::TCPStoreOptions options;
  options.port = 0;
  options.isServer = true;
  options.waitWorkers = false;
  auto store = c10::make_intrusive<c10d::TCPStore>("localhost", options);
  const std::string token = fmt::format("{:016x}{:08x}", std::random_device()(), ::getpid());
  static_cast<c10d::Store&>(*store).set(kToken, token);
  write_file_atomically(
      meeting, nlohmann::json({{"host", host_name()}, {"port", store->getPort()}, {"token", token}}).dump() + "\n");
  return store;
}

/// Reaches process 0, if there is one: an earlier command may have left its file, but not its lock.
Store reach(const fs::path& meeting) {
  std::error_code none;
  if (!fs::exists(meeting, none) || lock_file(lock_of(meeting), LockKind::kShared, IfHeld::kGiveUp)) return {};
  try {
    const auto place = nlohmann::json::parse(read_file(meeting));
    c10d::TCPStoreOptions options;
    options.port = place.at("port").get<std::uint16_t>();
    options.waitWorkers = false;
    options.timeout = kConnect;
    const auto host = place.at("host").get<std::string>();
    auto store = c10::make_intrusive<c10d::TCPStore>(host == host_name() ? "localhost" : host, options);
    if (static_cast<c10d::Store&>(*store).get_to_str(kToken) == place.at("token")) return store;
  } catch (const std::exception&) {  // removed or replaced meanwhile: look again
  }
  return {};
}

/// A process on its way into the group.
class Arrival {
 public:
  Arrival(int rank, int size, std::chrono::seconds patience, const Waiting& waiting)
      : rank_(rank), size_(size), patience_(patience), waiting_(waiting) {}

  /// With a place that nobody else has; null if it is needless.
  Store find(const fs::path& meeting) {
    if (rank_ == 0) return take_place(listen(meeting));
    for (;; pause("process 0 to begin the training")) {
      if (auto store = reach(meeting)) {
        if (auto taken = take_place(std::move(store))) return taken;
      }
      if (needless()) return {};
    }
  }

  /// Until every place is taken; false if it is needless.
  bool await_all(c10d::TCPStore& store) {
    for (int other = 0; other < size_; ++other) {
      while (!store.check({place_of(other)})) {
        if (needless()) return false;
        pause(fmt::format("process {} of {}", other, size_));
      }
    }
    return true;
  }

 private:
  Store take_place(Store store) const { return store->add(place_of(rank_), 1) == 1 ? std::move(store) : Store(); }
  bool needless() const { return rank_ > 0 && waiting_.needless && waiting_.needless(); }
  void pause(const std::string& whom) {
    const auto waited = steady_clock::now() - begin_;
    if (waited > patience_) {
      throw UserError(ErrorKind::kEnvironment,
                      fmt::format("Process {} waited {} s for {}.", rank_, patience_.count(), whom),
                      "Start all processes of the command, with the same options and the same cache folder.");
    }
    if (waiting_.tell && waited > kSilent) waiting_.tell(fmt::format("process {} waits for {}", rank_, whom));
    std::this_thread::sleep_for(kLook);
  }

  int rank_, size_;
  std::chrono::seconds patience_;
  const Waiting& waiting_;
  steady_clock::time_point begin_ = steady_clock::now();
};

class GlooGroup final : public TrainingGroup {
 public:
  /// `lock`: of process 0, kept as long as the group.
  GlooGroup(Store store, int rank, int size, Descriptor lock) : lock_(std::move(lock)), store_(std::move(store)) {
    store_->setTimeout(kConnectAll);
    auto options = c10d::ProcessGroupGloo::Options::create(kConnectAll);
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
    options->devices.push_back(interface != nullptr && *interface != '\0'
                                   ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                   : c10d::ProcessGroupGloo::createDefaultDevice());
    group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store_, rank, size, options);
    group_->setTimeout(kSilence);
  }

  int rank() const override { return group_->getRank(); }
  int size() const override { return group_->getSize(); }

  // Recursive doubling: in round r a process trades its sum with the one whose rank differs in bit r, and both have the
  // same sum of 2^(r + 1) processes, since a + b and b + a have the same bits.
  void add_up(torch::Tensor& values) override {
    auto mine = values.detach().to(torch::kCPU).contiguous();
    auto theirs = torch::empty_like(mine);
    for (int distance = 1; distance < size(); distance *= 2) {
      trade(mine, theirs, rank() ^ distance);
      mine = mine + theirs;  // not in place: `mine` may be the caller's
    }
    if (size() > 1) values.copy_(mine);
  }

 private:
  void trade(const torch::Tensor& mine, const torch::Tensor& theirs, int partner) {
    try {
      std::vector<torch::Tensor> out = {mine}, in = {theirs};
      const auto received = group_->recv(in, partner, 0);
      const auto sent = group_->send(out, partner, 0);
      sent->wait();
      received->wait();
    } catch (const std::exception& error) {
      throw UserError(
          ErrorKind::kEnvironment,
          fmt::format("Process {} of the training has ended or cannot be reached ({}).", partner, plain(error)),
          "Its own message says why; run the command again, and it goes on at the last checkpoint.");
    }
  }

  Descriptor lock_;
  Store store_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

}  // namespace

std::unique_ptr<TrainingGroup> meet(const fs::path& meeting, int rank, int size, std::chrono::seconds patience,
                                    const Waiting& waiting) {
  if (!std::has_single_bit(static_cast<unsigned>(size)))
    throw UserError(ErrorKind::kUsage, fmt::format("{} processes cannot train together.", size),
                    "Start a power of two of them.");
  Descriptor lock;
  if (rank == 0) {
    ensure_folder(meeting.parent_path());
    fs::remove(meeting);  // an earlier command's; before the lock, which says that what lies there is true
    lock = lock_file(lock_of(meeting), LockKind::kExclusive, IfHeld::kWait);
  }
  try {
    Arrival arrival(rank, size, patience, waiting);
    auto store = arrival.find(meeting);
    if (!store || !arrival.await_all(*store)) return {};
    return std::make_unique<GlooGroup>(std::move(store), rank, size, std::move(lock));
  } catch (const UserError&) {
    throw;
  } catch (const std::exception& error) {
    throw UserError(
        ErrorKind::kEnvironment,
        fmt::format("Process {} cannot connect to the other {} of the training ({}).", rank, size - 1, plain(error)),
        "Start all processes of the command; GLOO_SOCKET_IFNAME names a network interface that they share.");
  }
}

}  // namespace scalselect::trainer
