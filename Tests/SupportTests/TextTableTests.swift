// Tests of the table printer.
import Support
import Testing

@Suite struct TextTableTests {
  @Test("The first column is on the left and the others on the right, with two spaces between.")
  func defaultAlignment() {
    #expect(
      TextTable.lines([["class", "IoU %", "pixels"], ["cat", "9.1", "1,234"], ["größer", "-", ""]]) == [
        "class   IoU %  pixels", "cat       9.1   1,234", "größer      -",
      ])
  }

  @Test("The last alignment holds for the columns after it, and lines have no trailing spaces.")
  func alignments() {
    #expect(
      TextTable.lines([["1", "a", "long"], ["100", "bcd", "x"], ["10"]], columns: [.right, .left], indent: 2) == [
        "    1  a    long", "  100  bcd  x", "   10",
      ])
  }

  @Test("A table without rows has no lines.")
  func empty() { #expect(TextTable.lines([]) == []) }
}
