// Tests of coloured masks and captions on images.
import Images
import Testing

@Suite struct OverlayTests {
  @Test("Classes are coloured and outlined.")
  func classesAreColoredAndOutlined() {
    let photograph = RGBImage(width: 7, height: 5, color: Color(100, 50, 0))
    var mask = IndexImage(width: 7, height: 5)
    for y in 0..<5 { for x in 2..<7 { mask[x, y] = 2 } }
    mask[6, 4] = 255
    let result = photograph.overlaid(mask)
    #expect(result[0, 0] == Color(100, 50, 0), "background stays")
    #expect(result[2, 2] == Color(0, 128, 0), "the outline is the class's colour")
    #expect(result[4, 2] == Color(50, 89, 0), "inside, half of both")
    #expect(result[6, 4] == Color(178, 153, 128), "ignored is half white")
    #expect(mask.colored[6, 4] == VOCPalette.color(255) && mask.colored[0, 0] == Color(0, 0, 0))
  }

  @Test("Captions are drawn and clipped.")
  func captionsAreWrittenAndCutOff() {
    var image = RGBImage(width: 14, height: 10, color: Color(9, 9, 9))
    image.drawCaption("i", x: 1, y: 0, color: Color(255, 0, 0), ground: nil)
    let rows = (0..<9).map { y in (1..<8).map { image[$0, y] == Color(255, 0, 0) ? "#" : "." }.joined() }
    #expect(
      rows == [".......", "..###..", "...#...", "...#...", "...#...", "...#...", "...#...", "..###..", "......."])
    #expect(RGBImage.captionWidth("ab", scale: 2) == 26 && RGBImage.captionHeight(scale: 2) == 18)
    // A character without a glyph is a question mark; the background covers the whole caption up to the border.
    var (a, b) = (image, image)
    a.drawCaption("ö", x: 5, y: 4, scale: 3)
    b.drawCaption("?", x: 5, y: 4, scale: 3)
    #expect(a.pixels == b.pixels && a[5, 4] == Color(0, 0, 0) && a[4, 4] != Color(0, 0, 0))
    a.drawCaption("far away", x: -200, y: 40)
    #expect(a.pixels == b.pixels)
  }

  @Test("All class names and digits have glyphs.")
  func allClassNamesAndFiguresHaveGlyphs() {
    var question = RGBImage(width: 7, height: 9)
    question.drawCaption("?", x: 0, y: 0)
    for character in "abcdefghijklmnopqrstuvwxyz0123456789 .,:-_+/%()=#!<>" {
      var image = RGBImage(width: 7, height: 9)
      image.drawCaption(String(character), x: 0, y: 0)
      #expect(image.pixels != question.pixels, "\(character)")
    }
  }

  @Test("A pasted image is clipped at the borders.")
  func pastingCutsAtTheBorders() {
    let stamp = Golden.noiseImage(5, 4)
    for (x, y) in [(2, 3), (-2, -1), (8, 7), (-5, 0), (10, 10), (-9, 3), (0, 40)] {
      var image = RGBImage(width: 10, height: 9)
      image.paste(stamp, x: x, y: y)
      for py in 0..<9 {
        for px in 0..<10 {
          let inside = (0..<5).contains(px - x) && (0..<4).contains(py - y)
          #expect(image[px, py] == (inside ? stamp[px - x, py - y] : Color(0, 0, 0)))
        }
      }
    }
  }
}
