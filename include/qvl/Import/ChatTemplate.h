// The chat template of a checkpoint (the model specification, section 3.6).
//
// The runtime does not interpret Jinja: it renders the templates that it knows by their id.
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace qvl {

/// Id of the template that all released checkpoints share.
inline constexpr llvm::StringLiteral kQwenChatTemplate = "qwen2_5_vl";

/// True when `jinja` says the same as the known template. Layout that Jinja drops under trim_blocks
/// and lstrip_blocks does not count.
bool isQwenChatTemplate(llvm::StringRef jinja);

/// The id of the template in chat_template.json, chat_template.jinja or tokenizer_config.json. For
/// another template, or none, the known one is used, with a warning that names the file.
llvm::Expected<std::string> readChatTemplate(llvm::StringRef directory,
                                             std::vector<std::string> &warnings);

} // namespace qvl
