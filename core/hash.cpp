#include "core/hash.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <vector>

#include "core/check.h"
#include "core/error.h"

namespace scalselect {

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
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

std::string sha256(std::string_view bytes) { return Sha256().update(bytes).finish(); }

std::string sha256_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    throw UserError(ErrorKind::kInput, "Cannot read '" + file.string() + "'.", "Check the path and its permissions.");
  Sha256 hash;
  std::vector<char> block(1 << 20);
  while (in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    hash.update(block.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad())
    throw UserError(ErrorKind::kInput, "Reading '" + file.string() + "' failed partway.", "Check the disk.");
  return hash.finish();
}

std::string sha256_json(const nlohmann::json& tree) { return sha256(tree.dump()); }

}  // namespace scalselect
