#include "qvlrt/utf8.h"

namespace qvlrt {
namespace {

/// What a lead byte promises: the length of the character and the range of its second byte, which
/// excludes overlong forms, surrogates and code points above U+10FFFF.
struct Lead {
  int length = 0; // 0: no character starts with this byte
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
};

Lead leadOf(unsigned char byte) {
  if (byte < 0x80)
    return {1};
  if (byte < 0xC2)
    return {0};
  if (byte < 0xE0)
    return {2};
  if (byte < 0xF0)
    return {3, static_cast<unsigned char>(byte == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(byte == 0xED ? 0x9F : 0xBF)};
  if (byte < 0xF5)
    return {4, static_cast<unsigned char>(byte == 0xF0 ? 0x90 : 0x80),
            static_cast<unsigned char>(byte == 0xF4 ? 0x8F : 0xBF)};
  return {0};
}

} // namespace

Utf8Step decodeUtf8(std::string_view text, std::size_t position) {
  const auto byteAt = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byteAt(position);
  const Lead lead = leadOf(first);
  if (lead.length == 0)
    return {kReplacementCharacter, 1, false};
  if (lead.length == 1)
    return {first, 1, true};
  char32_t codePoint = first & (0x7F >> lead.length);
  for (int i = 1; i < lead.length; ++i) {
    const unsigned char low = i == 1 ? lead.low : 0x80;
    const unsigned char high = i == 1 ? lead.high : 0xBF;
    if (position + i >= text.size() || byteAt(position + i) < low || byteAt(position + i) > high)
      return {kReplacementCharacter, i, false};
    codePoint = codePoint << 6 | (byteAt(position + i) & 0x3F);
  }
  return {codePoint, lead.length, true};
}

void appendUtf8(std::string &out, char32_t codePoint) {
  const auto push = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (codePoint < 0x80)
    return push(codePoint);
  if (codePoint < 0x800) {
    push(0xC0 | codePoint >> 6);
  } else {
    if (codePoint < 0x10000) {
      push(0xE0 | codePoint >> 12);
    } else {
      push(0xF0 | codePoint >> 18);
      push(0x80 | (codePoint >> 12 & 0x3F));
    }
    push(0x80 | (codePoint >> 6 & 0x3F));
  }
  push(0x80 | (codePoint & 0x3F));
}

std::string replaceInvalidUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Step step = decodeUtf8(text, i);
    if (step.valid)
      out.append(text.substr(i, step.bytes));
    else
      appendUtf8(out, kReplacementCharacter);
    i += step.bytes;
  }
  return out;
}

std::size_t incompleteUtf8Tail(std::string_view text) {
  for (std::size_t tail = 1; tail <= 3 && tail <= text.size(); ++tail) {
    const std::size_t start = text.size() - tail;
    const Lead lead = leadOf(static_cast<unsigned char>(text[start]));
    if (lead.length == 0)
      continue;
    const Utf8Step step = decodeUtf8(text, start);
    const bool reachesEnd = static_cast<std::size_t>(step.bytes) == tail;
    return !step.valid && reachesEnd && lead.length > step.bytes ? tail : 0;
  }
  return 0;
}

} // namespace qvlrt
