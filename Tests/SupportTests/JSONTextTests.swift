// Tests of the JSON encoding.
import Foundation
import Support
import Testing

@Suite struct JSONTextTests {
  private struct Sample: Codable, Equatable {
    var weightsDigest = "a/b"
    var seconds = [0.1, .nan, -.infinity]
    var byName = ["data.weakList": 1, "aB": 2]
    @Nullable var share: Double?
    var absent: Int?
  }

  @Test("Keys are in snake_case and sorted, and an absent value is null only where it is declared so.")
  func line() throws {
    let text = String(decoding: try JSONText.encode(Sample(), .line), as: UTF8.self)
    #expect(
      text == """
        {"by_name":{"aB":2,"data.weakList":1},"seconds":[0.1,"nan","-inf"],"share":null,"weights_digest":"a/b"}

        """)
  }

  @Test("Pretty text has a key per line and ends with a line feed.")
  func pretty() throws {
    #expect(try JSONText.encode(["key": 1]) == Data("{\n  \"key\" : 1\n}\n".utf8))
  }

  @Test("Values are read back to the bit.")
  func readsBack() throws {
    var sample = Sample(share: 1.0 / 3)
    sample.seconds = [.greatestFiniteMagnitude, .leastNonzeroMagnitude, 1 / 3]
    #expect(try JSONText.decode(Sample.self, from: JSONText.encode(sample)) == sample)
  }

  @Test("Keys in camelCase, as in files of earlier versions, are read too.")
  func camelCase() throws {
    let text = #"{"weightsDigest":"x","seconds":[1],"byName":{"some_key":3},"share":2}"#
    let sample = try JSONText.decode(Sample.self, from: Array(text.utf8))
    #expect(sample == Sample(weightsDigest: "x", seconds: [1], byName: ["some_key": 3], share: 2))
  }

  @Test("A line that was cut short is left out.")
  func lines() {
    let text = "{\"key\":1}\n{\"key\":2}\n{\"key\""
    #expect(JSONText.decodeLines([String: Int].self, from: Data(text.utf8)) == [["key": 1], ["key": 2]])
  }
}
