#include "core/base64.h"

#include <openssl/evp.h>

#include <cstdint>
#include <limits>
#include <stdexcept>

#include "core/check.h"

namespace scalselect {
namespace {

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
  SCALSELECT_CHECK(bytes.size() < std::numeric_limits<int>::max() / 4 * 3);
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // with the terminating zero that OpenSSL writes
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

std::string decode_base64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t buffer = 0;
  int bits = 0;
  bool padding = false;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ') continue;
    if (c == '=') {
      padding = true;
      continue;
    }
    const int value = base64_value(c);
    if (value < 0) throw std::invalid_argument("a character that base64 does not have");
    if (padding) throw std::invalid_argument("base64 continues after its padding");
    buffer = buffer << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(buffer >> bits & 0xFF);
    }
  }
  if (bits == 6) throw std::invalid_argument("base64 is cut short");
  return bytes;
}

}  // namespace scalselect
