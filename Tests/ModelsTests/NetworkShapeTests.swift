// Tests of the sizes that follow from width and input size.
import Models
import Testing

@Suite struct NetworkShapeTests {
  @Test("Channels are rounded up to the channel block of 16.") func channelsAreRoundedUpToTheBlock() {
    func channels(_ n: Int, _ width: Double) -> Int {
      NetworkShape(width: width, inputSize: 64, classes: 1, batchNormalization: false).channels(n)
    }
    #expect([64, 128, 256, 512, 4096].map { channels($0, 1) } == [64, 128, 256, 512, 4096])
    #expect([64, 128, 256, 512, 4096].map { channels($0, 0.25) } == [16, 32, 64, 128, 1024])
    #expect([64, 128, 256, 512, 4096].map { channels($0, 0.0625) } == [16, 16, 16, 32, 256])
    // 0.3: 19.2 -> 19 -> 32, 38.4 -> 38 -> 48, 76.8 -> 77 -> 80.
    #expect([64, 128, 256].map { channels($0, 0.3) } == [32, 48, 80])
    #expect(channels(64, 0.001) == 16)
  }

  @Test("The paper's sizes are those of docs/reference.md.") func paper() {
    let shape = NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: false)
    #expect(shape.pool5Size == 10 && shape.fc6Kernel == 7 && shape.scoreSize == 4)
  }
}
