#include "core/hash.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <vector>

#include "core/check.h"
#include "core/error.h"
#include "core/md5.h"

namespace scalselect {
namespace {

std::string hex(const unsigned char* bytes, std::size_t count) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += kHex[bytes[i] >> 4];
    text += kHex[bytes[i] & 15];
  }
  return text;
}

/// Hands a file to `use(data, bytes)` block by block.
template <class Use>
void read_blocks(const std::filesystem::path& file, const Use& use) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    throw UserError(ErrorKind::kInput, "Cannot read '" + file.string() + "'.", "Check the path and its permissions.");
  std::vector<char> block(1 << 20);
  while (in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    use(block.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad())
    throw UserError(ErrorKind::kInput, "Reading '" + file.string() + "' failed partway.", "Check the disk.");
}

}  // namespace

struct Sha256::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Impl() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  if (impl_->context == nullptr || EVP_DigestInit_ex(impl_->context, EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(const void* data, std::size_t bytes) {
  EVP_DigestUpdate(impl_->context, data, bytes);
  return *this;
}

std::string Sha256::finish() {
  std::array<unsigned char, 32> digest{};
  unsigned int length = 0;
  EVP_DigestFinal_ex(impl_->context, digest.data(), &length);
  SCALSELECT_CHECK(length == digest.size());
  return hex(digest.data(), length);
}

std::string sha256(std::string_view bytes) { return Sha256().update(bytes).finish(); }

std::string sha256_file(const std::filesystem::path& file) {
  Sha256 hash;
  read_blocks(file, [&](const char* data, std::size_t bytes) { hash.update(data, bytes); });
  return hash.finish();
}

std::string md5_file(const std::filesystem::path& file) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context) throw std::bad_alloc();
  if (EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr) != 1)
    throw UserError(ErrorKind::kEnvironment, "The OpenSSL of this machine has no MD5.", "Use one without FIPS mode.");
  read_blocks(file, [&](const char* data, std::size_t bytes) { EVP_DigestUpdate(context.get(), data, bytes); });
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &length);
  return hex(digest.data(), length);
}

std::string sha256_json(const nlohmann::json& tree) { return sha256(tree.dump()); }

}  // namespace scalselect
