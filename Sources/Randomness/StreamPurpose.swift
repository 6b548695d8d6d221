// The registry of random-stream purposes, and the hash that turns a name into a word of a stream's key.

/// The purpose of a random stream: the first word of its key, which keeps streams of one seed apart.
///
/// Most values spell a word in ASCII. A value must never change, because weights, datasets and lists of crops that were
/// made from it would change too. A new purpose gets a new value.
///
/// `RandomBoxes` is the one user of streams without a purpose: its keys begin with the hash of the image's id.
package enum StreamPurpose: UInt64, CaseIterable, Sendable {
  /// "init": initial weights, by parameter.
  case initialization = 0x696e_6974
  /// "drop": dropout masks, by iteration, example and layer.
  case dropout = 0x6472_6f70
  /// "order": the order of examples in one round through a list.
  case exampleOrder = 0x6f_7264_6572
  /// "aug!": crops, scales and reflections, by iteration and example.
  case augmentation = 0x6175_6721
  /// "crops": random boxes of combinatorial cropping, by image and combination of labels.
  case crops = 0x63_726f_7073
  /// "DRAW": images of the synthetic dataset.
  case syntheticImages = 0x4452_4157
  /// "STRONG": the order in which images are chosen to keep their masks.
  case maskedSubset = 0x5354_524f_4e47
  /// "SPLIT": the order in which images are divided into sets.
  case datasetSplit = 0x53_504c_4954
  /// The hash of "preview": the images of `dnet data preview`.
  case preview = 0xc8d8_c5da_55fa_bab7
  /// "benc": inputs of the step benchmark.
  case stepBenchmark = 0x6265_6e63
  /// "scal": inputs of the scaling benchmark.
  case scalingBenchmark = 0x7363_616c
  /// "accu": operands of the accuracy benchmark.
  case accuracyOperands = 0x6163_6375
  /// "samp": the elements that the accuracy benchmark compares.
  case accuracySamples = 0x7361_6d70
  /// "chec": operands of the arithmetic check of `dnet doctor`.
  case arithmeticCheck = 0x6368_6563
}

extension CounterRandom {
  /// The FNV-1a hash of the name's UTF-8 bytes in 64 bits, which is the same everywhere, unlike `Hasher`'s.
  package static func word(of name: String) -> UInt64 {
    name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
