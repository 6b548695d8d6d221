// Tests of the reading of VOC's annotations.
import Datasets
import Preparation
import Testing

@Suite struct AnnotationTests {
  func read(_ text: String) throws -> Annotation {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.write(text, to: "a.xml")
    return try Annotation.read("\(scratch.path)/a.xml")
  }

  @Test("Parts are not objects, and difficult objects do not count.")
  func partsAreNoObjectsAndDifficultOnesDoNotCount() throws {
    let annotation = try read(Fixture.annotation)
    #expect(annotation.objects.map(\.name) == ["person", "dog", "tvmonitor", "tvmonitor"])
    #expect(annotation.objects.map(\.isDifficult) == [false, true, false, true])
    let labels = annotation.labels()
    #expect(labels.indices.filter { labels[$0] } == [14, 19] && labels.count == 20)
  }

  @Test("A damaged file is an error that names the line.")
  func damagedFilesAreErrorsWithTheLine() throws {
    for length in stride(from: 0, to: Fixture.annotation.utf8.count - 1, by: 11) {
      let error = #expect(throws: PreparationError.self) { try read(String(Fixture.annotation.prefix(length))) }
      #expect(try #require(error).description.contains("a.xml, line"))
    }
    for text in ["<html></html>", "not found", "<annotation><object></annotation>"] {
      #expect(throws: PreparationError.self) { try read(text) }
    }
  }

  @Test("An unknown class is an error.")
  func unknownClassesAreErrors() throws {
    let error = #expect(throws: PreparationError.self) {
      try read("<annotation><object><name>unicorn</name></object></annotation>")
    }
    #expect(try #require(error).description.contains("\"unicorn\""))
  }
}
