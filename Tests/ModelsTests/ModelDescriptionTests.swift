// Tests of the text that names a model and its shape in weights files.
import Models
import Testing

@Suite struct ModelDescriptionTests {
  private let shapes = [
    NetworkShape(width: 1, inputSize: 320, classes: 20, batchNormalization: false),
    NetworkShape(width: 0.0625, inputSize: 96, classes: 3, batchNormalization: true),
  ]

  @Test("A description is unchanged by conversion to its text, which is one line.") func conversion() {
    for shape in shapes {
      for model in [DecoupledNet.name, "another"] {
        let description = ModelDescription(model: model, shape: shape)
        #expect(ModelDescription(text: description.text) == description)
        #expect(!description.text.contains("\n"))
      }
    }
    #expect(
      ModelDescription(model: "decouplednet", shape: shapes[1]).text
        == #"{"batch_normalization":true,"classes":3,"input_size":96,"model":"decouplednet","width":0.0625}"#)
  }

  @Test("Texts of the previous version have other keys and no model.") func previousVersion() {
    #expect(
      ModelDescription(text: #"{"batchNormalization":false,"classes":20,"inputSize":320,"width":1}"#)
        == ModelDescription(model: "decouplednet", shape: shapes[0]))
    #expect(
      ModelDescription(text: #"{"batchNormalization":true,"classes":3,"inputSize":96,"width":0.0625}"#)
        == ModelDescription(model: "decouplednet", shape: shapes[1]))
  }

  @Test(
    "Texts of networks that dnet cannot have are refused.",
    arguments: [
      "", "{}", "VGG16", #"{"batchNormalization":false,"classes":20,"inputSize":100,"width":1}"#,
      #"{"batchNormalization":false,"classes":0,"inputSize":96,"width":1}"#,
      #"{"batchNormalization":false,"classes":20,"inputSize":0,"width":1}"#,
      #"{"batchNormalization":false,"classes":20,"inputSize":96,"width":-1}"#,
      #"{"batchNormalization":false,"classes":255,"inputSize":96,"width":1}"#,
      #"{"classes":20,"inputSize":96,"width":1}"#,
      #"{"batch_normalization":false,"classes":20,"input_size":96,"model":"decouplednet","width":5}"#,
      #"{"batch_normalization":false,"classes":20,"input_size":4096,"model":"decouplednet","width":1}"#,
      #"{"batch_normalization":false,"classes":20,"input_size":96,"model":7,"width":1}"#,
    ])
  func invalidTexts(text: String) {
    #expect(ModelDescription(text: text) == nil)
  }

  @Test("A model describes itself.") func describesItself() {
    let net = DecoupledNet(shapes[1])
    #expect(net.description == ModelDescription(model: "decouplednet", shape: shapes[1]))
  }
}
