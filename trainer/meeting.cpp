// Connections among the processes of a training: a TCP store to find each other by, and Gloo to send tensors.
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bit>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <thread>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "trainer/group.h"

namespace scalselect::trainer {
namespace fs = std::filesystem;
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLook{100};                ///< between two looks at the meeting's file
constexpr milliseconds kConnect{3000};            ///< for one attempt to reach process 0
constexpr milliseconds kSilence{30 * 60 * 1000};  ///< a process that sends nothing for so long is taken for dead
constexpr char kToken[] = "meeting";

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  ::gethostname(name, HOST_NAME_MAX);
  return name;
}

std::string first_line(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

c10::intrusive_ptr<c10d::TCPStore> listen(const fs::path& meeting) {
  c10d::TCPStoreOptions options;
  options.port = 0;
  options.isServer = true;
  options.waitWorkers = false;
  auto store = c10::make_intrusive<c10d::TCPStore>("localhost", options);
  const std::string token = fmt::format("{:016x}{:08x}", std::random_device()(), ::getpid());
  static_cast<c10d::Store&>(*store).set(kToken, token);
  ensure_folder(meeting.parent_path());
  write_file_atomically(
      meeting, nlohmann::json({{"host", host_name()}, {"port", store->getPort()}, {"token", token}}).dump() + "\n");
  return store;
}

/// Whether anything accepts connections there. c10d itself tries for seconds, and prints where it stood.
bool listens(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return false;
  bool connected = false;
  for (const auto* place = found; place != nullptr && !connected; place = place->ai_next) {
    const Descriptor socket(::socket(place->ai_family, place->ai_socktype | SOCK_CLOEXEC, place->ai_protocol));
    connected = socket && ::connect(socket.get(), place->ai_addr, place->ai_addrlen) == 0;
  }
  ::freeaddrinfo(found);
  return connected;
}

/// Reaches the process that wrote the file, if it is alive: an earlier command may have left its file.
c10::intrusive_ptr<c10d::TCPStore> reach(const fs::path& meeting) {
  std::error_code none;
  if (!fs::exists(meeting, none)) return {};
  try {
    const auto place = nlohmann::json::parse(read_file(meeting));
    c10d::TCPStoreOptions options;
    options.port = place.at("port").get<std::uint16_t>();
    options.waitWorkers = false;
    options.timeout = kConnect;
    auto host = place.at("host").get<std::string>();
    if (host == host_name()) host = "localhost";
    if (!listens(host, options.port)) return {};
    auto store = c10::make_intrusive<c10d::TCPStore>(host, options);
    if (static_cast<c10d::Store&>(*store).get_to_str(kToken) == place.at("token")) return store;
  } catch (const std::exception&) {  // removed or replaced meanwhile, or nobody listens: look again
  }
  return {};
}

/// Null where `needless` says so.
c10::intrusive_ptr<c10d::TCPStore> find_store(const fs::path& meeting, int rank, std::chrono::seconds patience,
                                              const std::function<bool()>& needless) {
  if (rank == 0) return listen(meeting);
  const auto begin = steady_clock::now();
  bool told = false;
  for (;;) {
    if (auto store = reach(meeting)) return store;
    if (needless && needless()) return {};
    const auto waited = steady_clock::now() - begin;
    if (waited > patience) {
      throw UserError(
          ErrorKind::kEnvironment,
          fmt::format("Process {} waited {} s for process 0 to begin the training.", rank, patience.count()),
          "Start all processes of the command, with the same cache folder.");
    }
    if (!told && waited > std::chrono::seconds(5)) {
      log_info("process {} waits for process 0 to begin the training", rank);
      told = true;
    }
    std::this_thread::sleep_for(kLook);
  }
}

class GlooGroup final : public TrainingGroup {
 public:
  GlooGroup(c10::intrusive_ptr<c10d::TCPStore> store, int rank, int size, std::chrono::seconds patience)
      : store_(std::move(store)) {
    store_->setTimeout(patience);
    auto options = c10d::ProcessGroupGloo::Options::create(patience);
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
          fmt::format("Process {} of the training has ended or cannot be reached ({}).", partner, first_line(error)),
          "Its own message says why; run the command again, and it goes on at the last checkpoint.");
    }
  }

  c10::intrusive_ptr<c10d::TCPStore> store_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

}  // namespace

std::unique_ptr<TrainingGroup> meet(const fs::path& meeting, int rank, int size, std::chrono::seconds patience,
                                    const std::function<bool()>& needless) {
  if (!std::has_single_bit(static_cast<unsigned>(size)))
    throw UserError(ErrorKind::kUsage, fmt::format("{} processes cannot train together.", size),
                    "Start a power of two of them.");
  try {
    auto store = find_store(meeting, rank, patience, needless);
    if (!store) return {};
    return std::make_unique<GlooGroup>(std::move(store), rank, size, patience);
  } catch (const UserError&) {
    throw;
  } catch (const std::exception& error) {
    throw UserError(
        ErrorKind::kEnvironment,
        fmt::format("Process {} cannot connect to the other {} of the training ({}).", rank, size - 1,
                    first_line(error)),
        "Start all processes of the command; GLOO_SOCKET_IFNAME names a network interface that they share.");
  }
}

}  // namespace scalselect::trainer
