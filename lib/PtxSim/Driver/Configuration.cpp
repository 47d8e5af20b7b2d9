#include "Configuration.h"

#include "absl/strings/numbers.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace qvlsim::driver {

namespace {

std::string_view variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

bool parseNumber(std::string_view text, std::uint64_t &number) {
  return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number);
}

/// Reads variables one by one; after a malformed one the result is nothing.
class Reader {
public:
  bool failed() const { return malformed; }

  void number(const char *name, std::uint64_t &target, std::uint64_t limit) {
    std::string_view text = variable(name);
    std::uint64_t value = 0;
    if (text.empty())
      return;
    if (!parseNumber(text, value) || value > limit)
      return refuse(name, text);
    target = value;
  }

  /// True for the second word, false for the first.
  void choice(const char *name, std::string_view first, std::string_view second, bool &target) {
    std::string_view text = variable(name);
    if (text.empty())
      return;
    if (text != first && text != second)
      return refuse(name, text);
    target = text == second;
  }

  void failure(const char *name, Configuration &configuration) {
    std::string_view text = variable(name);
    if (text.empty())
      return;
    std::size_t colon = text.find(':');
    std::uint64_t call = 0, error = 0;
    if (colon == text.npos || !parseNumber(text.substr(0, colon), call) ||
        !parseNumber(text.substr(colon + 1), error) || error > 999)
      return refuse(name, text);
    configuration.failingCall = call;
    configuration.failure = static_cast<qvlcuda::CUresult>(error);
  }

private:
  void refuse(const char *name, std::string_view text) {
    std::fprintf(stderr, "PTX simulator: %s='%.*s' is malformed\n", name,
                 static_cast<int>(text.size()), text.data());
    malformed = true;
  }

  bool malformed = false;
};

} // namespace

std::optional<Configuration> Configuration::fromEnvironment() {
  Configuration configuration;
  Reader reader;
  bool early = false;
  bool off = false;
  std::uint64_t threads = 0;
  reader.choice("QVL_PTXSIM_ASYNC", "late", "early", early);
  reader.choice("QVL_PTXSIM_RACES", "on", "off", off);
  reader.number("QVL_PTXSIM_SEED", configuration.seed, UINT64_MAX);
  reader.number("QVL_PTXSIM_THREADS", threads, 1024);
  reader.number("QVL_PTXSIM_MEMORY", configuration.memory, std::uint64_t{1} << 46);
  reader.failure("QVL_PTXSIM_FAIL", configuration);
  configuration.async = early ? AsyncMode::Early : AsyncMode::Late;
  configuration.races = !off;
  configuration.threads = static_cast<std::uint32_t>(threads);
  if (reader.failed())
    return std::nullopt;
  return configuration;
}

} // namespace qvlsim::driver
