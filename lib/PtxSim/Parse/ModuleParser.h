// Parses a whole module.
#pragma once

#include "Module/Program.h"
#include "absl/status/statusor.h"

#include <memory>
#include <string_view>

namespace qvlsim {

absl::StatusOr<std::unique_ptr<detail::Program>> parseModule(std::string_view text,
                                                             std::string_view fileName);

} // namespace qvlsim
