// The registry of stream purposes: distinct values that never change.
import Randomness
import Testing

@Suite struct StreamPurposeTests {
  @Test("No two purposes share a value.") func valuesAreDistinct() {
    #expect(Set(StreamPurpose.allCases.map(\.rawValue)).count == StreamPurpose.allCases.count)
  }

  @Test("Each purpose has the value of the word by which it was introduced.") func valuesSpellTheirWords() {
    let words: [StreamPurpose: String] = [
      .initialization: "init", .dropout: "drop", .exampleOrder: "order", .augmentation: "aug!", .crops: "crops",
      .syntheticImages: "DRAW", .maskedSubset: "STRONG", .datasetSplit: "SPLIT", .stepBenchmark: "benc",
      .scalingBenchmark: "scal", .accuracyOperands: "accu", .accuracySamples: "samp", .arithmeticCheck: "chec",
    ]
    for (purpose, word) in words {
      #expect(purpose.rawValue == word.utf8.reduce(0) { $0 << 8 | UInt64($1) }, "\(purpose)")
    }
    #expect(StreamPurpose.preview.rawValue == CounterRandom.word(of: "preview"))
    #expect(Set(words.keys).union([.preview]) == Set(StreamPurpose.allCases))
  }

  @Test("A stream with a purpose is the stream whose first word is the purpose's value.") func purposeIsTheFirstWord() {
    var named = CounterRandom(seed: 5, .dropout, 1, 2)
    var plain = CounterRandom(seed: 5, StreamPurpose.dropout.rawValue, 1, 2)
    for _ in 0..<5 { #expect(named.next() == plain.next()) }
  }

  @Test("Names are hashed by FNV-1a.") func namesAreHashed() {
    #expect(CounterRandom.word(of: "") == 0xcbf2_9ce4_8422_2325)
    #expect(CounterRandom.word(of: "a") == 0xaf63_dc4c_8601_ec8c)
    #expect(CounterRandom.word(of: "foobar") == 0x8594_4171_f739_67e8)
  }
}
