// Tests of the drawing of shapes.
import Images
import Testing

@Suite struct ShapeTests {
  func area(_ shape: Shape, antialiased: Bool = true) -> Double {
    Double(Coverage(shape, width: 60, height: 50, antialiased: antialiased).values.reduce(0, +))
  }

  @Test("Covered areas are those of the shapes.")
  func areasAreRight() {
    #expect(abs(area(.rectangle((3.25, 4.5), (20.75, 30.25))) - 17.5 * 25.75) < 0.01)
    #expect(abs(area(.polygon((5, 5), (45, 10), (20, 44))) - 742.5) < 2)
    // A polygon of 32 corners in a circle of radius 1 has the area 16 sin(2 pi / 32) = 3.1214.
    #expect(abs(area(.ellipse((30, 25), (20, 12))) - 3.1214 * 240) < 3)
    #expect(abs(area(.ring((30, 25), radius: 20, width: 6)) - 3.1214 * (400 - 196)) < 3)
    #expect(abs(area(.line((20, 20), (40, 30), width: 8)) - (22.3607 * 8 + 3.1214 * 16)) < 2)
    #expect(abs(area(.line((20, 20), (20, 20), width: 8)) - 3.1214 * 16) < 1)
    for shape in [Shape.ellipse((30, 25), (20, 12)), .polygon((5, 5), (45, 10), (20, 44))] {
      #expect(abs(area(shape, antialiased: false) / area(shape) - 1) < 0.03)
    }
  }

  @Test("Shapes are clipped to the image.")
  func whatLiesOutsideTheImageIsCutOff() {
    #expect(area(.rectangle((-10, -10), (100, 100))) == 3000)
    #expect(area(.rectangle((-10, 10), (-2, 20))) == 0)
    #expect(area(.rectangle((70, 10), (90, 20))) == 0)
    #expect(abs(area(.ellipse((0, 0), (20, 20))) - 3.1214 * 100) < 2)
    #expect(area(.polygon((.nan, 1), (3, 4), (5, 6))) >= 0)
  }

  @Test("Without antialiasing, pixel centres decide.")
  func hardEdgesGoByPixelCentres() {
    var mask = IndexImage(width: 6, height: 4)
    mask.fill(.rectangle((1.4, 0.6), (4.6, 3)), 7)
    let rows: [[UInt8]] = [[0, 0, 0, 0, 0, 0], [0, 7, 7, 7, 7, 0], [0, 7, 7, 7, 7, 0], [0, 0, 0, 0, 0, 0]]
    #expect(mask.indices == rows.flatMap { $0 })
  }

  @Test("Colours are blended by coverage and opacity.")
  func colorsAreLaidOverByCoverageAndOpacity() {
    var image = RGBImage(width: 4, height: 1, color: Color(100, 100, 100))
    image.fill(.rectangle((0.5, 0), (3, 1)), Color(200, 0, 100))
    #expect(
      image[0, 0] == Color(150, 50, 100) && image[1, 0] == Color(200, 0, 100) && image[3, 0] == Color(100, 100, 100))
    image.fill(.rectangle((3, 0), (4, 1)), Color(200, 200, 200), opacity: 0.25)
    #expect(image[3, 0] == Color(125, 125, 125))
  }
}
