// Names and messages in terms of std::string_view, which Abseil's own string_view does not take.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace qvlsim {

struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view name) const {
    return std::hash<std::string_view>{}(name);
  }
};
/// A map from names that is searched without making strings.
template <typename Value>
using NameMap = std::unordered_map<std::string, Value, NameHash, std::equal_to<>>;

/// The parts in a row.
template <typename... Parts> std::string concat(const Parts &...parts) {
  std::string result;
  (result.append(std::string_view(parts)), ...);
  return result;
}

} // namespace qvlsim
