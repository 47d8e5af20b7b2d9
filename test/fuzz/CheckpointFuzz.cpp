// The JSON files of a checkpoint: config.json and tokenizer.json. What is accepted has tables whose
// pieces can be read.
#include "qvl/Import/ModelConfig.h"
#include "qvl/Import/TokenizerTables.h"

static void readConfig(llvm::StringRef json) {
  llvm::Expected<qvl::ModelConfig> config = qvl::parseModelConfig(json, "fuzz");
  if (!config)
    llvm::consumeError(config.takeError());
}

static void readTokenizer(llvm::StringRef json) {
  llvm::Expected<qvl::TokenizerSource> source = qvl::parseTokenizerJson(json, "fuzz");
  if (!source)
    return llvm::consumeError(source.takeError());
  llvm::Expected<qvl::TokenizerTables> tables = qvl::buildTokenizerTables(*source, "fuzz", 1 << 20);
  if (!tables)
    return llvm::consumeError(tables.takeError());
  unsigned sum = 0;
  for (std::uint32_t id = 0; id + 1 < tables->pieceOffsets.size(); ++id)
    for (unsigned char byte : tables->piece(id))
      sum += byte;
  [[maybe_unused]] volatile unsigned used = sum;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const llvm::StringRef json(reinterpret_cast<const char *>(data), size);
  readConfig(json);
  readTokenizer(json);
  return 0;
}
