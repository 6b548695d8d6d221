// Tests of the reading of image lists.
import Datasets
import Testing

@Suite struct ImageListTests {
  func read(_ text: String) throws -> [ListedImage] {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.write(text, to: "list.txt")
    return try ImageList.read(scratch.path + "/list.txt")
  }

  @Test("Ids are read with blank lines and CRLF line ends.")
  func idsWithBlankLinesAndCarriageReturns() throws {
    let images = try read("\u{FEFF}2007_000032\r\n\r\n  2007_000039 \n\n2007_000063")
    #expect(images.map(\.id) == ["2007_000032", "2007_000039", "2007_000063"])
    #expect(images.map(\.line) == [1, 3, 5])
    #expect(images.allSatisfy { $0.photograph == nil && $0.mask == nil })
  }

  @Test("Pairs of paths are read.")
  func pathPairs() throws {
    let images = try read("/JPEGImages/a.b.jpg /SegmentationClassAug/a.b.png\nJPEGImages/c.jpg\tMasks/c.png\nd.jpg\n")
    #expect(
      images == [
        ListedImage(id: "a.b", photograph: "/JPEGImages/a.b.jpg", mask: "/SegmentationClassAug/a.b.png", line: 1),
        ListedImage(id: "c", photograph: "JPEGImages/c.jpg", mask: "Masks/c.png", line: 2),
        ListedImage(id: "d", photograph: "d.jpg", line: 3),
      ])
  }

  /// U+0602 forms one Character with the slash after it.
  @Test("A slash that forms one character with a letter still ends a folder.")
  func slashesBesideLettersThatJoinThem() throws {
    let images = try read("photographs/\u{602}/c.jpg\n\u{602}/d\n")
    #expect(images.map(\.id) == ["c", "d"] && images[1].photograph == "\u{602}/d")
    let ids = ["/a/b.c.jpg", "a", ".b", "a/.b", "a/", "/", "", "x\u{602}.png", "e\u{301}/\u{301}.png"].map {
      ListedImage.id(ofPath: $0)
    }
    #expect(ids == ["b.c", "a", ".b", ".b", "", "", "", "x\u{602}", "\u{301}"])
  }

  @Test("Comments are skipped.")
  func commentsArePassedOver() throws {
    let images = try read(
      "# dnet data split: 5 images a class, seed 1\r\n# sha256 00\r\n2007_000032\r\n #x y z w\r\n2007_000039")
    #expect(images.map(\.id) == ["2007_000032", "2007_000039"] && images.map(\.line) == [3, 5])
  }

  @Test("An empty list is an error.", arguments: ["", "\n\r\n  \n", "# nothing but this\n"])
  func emptyListsAreErrors(text: String) throws {
    let error = #expect(throws: DatasetError.self) { try read(text) }
    #expect(try #require(error).description.contains("names no image"))
  }

  /// The second line of a class list such as aeroplane_train.txt, and one with too many fields.
  @Test(
    "Lines of another form are errors.",
    arguments: ["2008_000008 -1", "a.jpg b.png 3", "one two", "/", "photographs/", "/ a.png"])
  func otherLinesAreErrors(line: String) throws {
    let error = #expect(throws: DatasetError.self) { try read("2007_000032\n\(line)\n") }
    let text = try #require(error).description
    #expect(text.contains("line 2") && text.contains(line))
  }

  @Test("A missing list is an error.")
  func missingListsAreErrors() {
    #expect(throws: DatasetError.unreadableList(list: "/nowhere/l.txt", reason: "No such file or directory")) {
      try ImageList.read("/nowhere/l.txt")
    }
  }
}
