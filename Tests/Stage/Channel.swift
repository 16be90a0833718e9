import Glibc

/// Packets to and from one player. Owns the descriptor; the player ends when it is closed.
final class Channel {
  let descriptor: Int32

  init(owning descriptor: Int32) {
    self.descriptor = descriptor
    var limit = timeval(tv_sec: Int(patience), tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
  }

  deinit { close(descriptor) }

  /// Two ends of a new channel: ours and the player's, which the caller closes.
  static func pair() throws -> (ours: Channel, theirs: Int32) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
      throw Failure("cannot make a socket pair: \(systemMessage())")
    }
    return (Channel(owning: ends[0]), ends[1])
  }

  func send(_ command: String) throws {
    let bytes = Array(command.utf8)
    guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    else { throw Failure("cannot tell the player “\(command)”: \(systemMessage())") }
  }

  /// The answer, and the descriptor that came with it.
  func receive() throws -> (text: String, passed: Int32?) {
    var text = [UInt8](repeating: 0, count: 1024)
    // A struct cmsghdr (length, level, type) and one descriptor, padded to eight bytes.
    var control = [UInt64](repeating: 0, count: 3)
    let (length, controlLength) = text.withUnsafeMutableBytes { textBytes in
      control.withUnsafeMutableBytes { controlBytes in
        var body = iovec(iov_base: textBytes.baseAddress, iov_len: textBytes.count)
        return withUnsafeMutablePointer(to: &body) { body in
          var message = msghdr()
          message.msg_iov = body
          message.msg_iovlen = 1
          message.msg_control = controlBytes.baseAddress
          message.msg_controllen = controlBytes.count
          let length = recvmsg(descriptor, &message, Int32(MSG_CMSG_CLOEXEC))
          return (length, message.msg_controllen)
        }
      }
    }
    guard length > 0 else {
      throw Failure("the player does not answer: \(length == 0 ? "it is gone" : systemMessage())")
    }
    let passed = controlLength > 0 ? Int32(truncatingIfNeeded: control[2]) : nil
    return (String(decoding: text[..<length], as: UTF8.self), passed)
  }
}
