extension Catalogue {
  /// Help and manual pages.
  static let help: [String: String] = [
    "Name the process behind each TIME_WAIT and CLOSE_WAIT TCP connection.":
      "找出每个 TIME_WAIT 和 CLOSE_WAIT 连接背后的进程。",
    "Without a command tcplinger traces: the options below are those of trace. 'tcplinger COMMAND --help' has those of another command.":
      "不带命令时即为跟踪：下面列出的是 trace 的选项。其他命令的选项见 'tcplinger COMMAND --help'。",
    "USAGE": "用法", "EXAMPLES": "示例", "COMMANDS": "命令", "OPTIONS": "选项", "FILTERS": "过滤条件", "TIME": "时间",
    "OUTPUT": "输出", "KERNEL PROGRAMS": "内核程序", "EXIT STATUS": "退出状态", "SEE ALSO": "另见", "KEYS": "按键",
    "ARGUMENTS": "参数", "values": "可选值",
    "every connection that lingers on this host, until Ctrl-C": "本机所有滞留的连接，按 Ctrl-C 结束",
    "connections to PostgreSQL, for half a minute": "到 PostgreSQL 的连接，跟踪半分钟",
    "who has not closed what the peer has closed, now": "对端已关闭而本端没有关闭的连接，现在由谁持有",
    "what is wrong, and what helps": "哪里有问题，怎样解决",
    "Print each TIME_WAIT, CLOSE_WAIT and FIN_WAIT2 with its process, then a summary.":
      "逐条打印 TIME_WAIT、CLOSE_WAIT 和 FIN_WAIT2 及其进程，最后给出汇总。",
    "Show which processes cause TIME_WAITs and leave CLOSE_WAITs, as a live table.":
      "用实时表格显示哪些进程产生 TIME_WAIT、留下 CLOSE_WAIT。",
    "List connections that are not closed: who holds them, since when and why.":
      "列出没有关闭的连接：谁持有、从何时起、为什么。",
    "Count TCP sockets by state, process, unit, container, peer or network namespace.":
      "按状态、进程、单元、容器、对端或网络命名空间统计 TCP 套接字。",
    "Watch for a while, then say what is wrong, why, and what helps on this kernel.":
      "观察一段时间，然后说明哪里有问题、为什么，以及在这个内核上什么办法有用。",
    "Run a command and report the connections that it leaked.": "运行一个命令，并报告它泄漏的连接。",
    "Check whether tracing works here and what is degraded.": "检查本机能否跟踪，以及哪些能力受限。",
    "Only these: time_wait, close_wait, fin_wait2, reset. Resets are shown only if they are asked for.":
      "只看这些：time_wait、close_wait、fin_wait2、reset。复位 (RST) 只在指定时显示。",
    "Show a CLOSE_WAIT or FIN_WAIT2 once it has lasted this long; 0: every CLOSE_WAIT. (default: 1s)":
      "CLOSE_WAIT 或 FIN_WAIT2 持续这么久后才显示；0 表示显示每个 CLOSE_WAIT。（默认：1s）",
    "Which hooks to use. (default: auto, the best)": "使用哪类钩子。（默认：auto，取最好的）",
    "Show the version.": "显示版本。", "Show help information.": "显示帮助。",
    "Only this process; repeat for more.": "只看这个进程；可重复。",
    "Only processes of this name (/proc/PID/comm); repeat for more.": "只看这个名字 (/proc/PID/comm) 的进程；可重复。",
    "Only these local ports, such as 80,443,8000-8999.": "只看这些本地端口，例如 80,443,8000-8999。",
    "Only these ports of the peer.": "只看这些对端端口。",
    "Only this peer: 10.0.0.5, 10.0.0.0/8, 10.0.0.5:8080, [2001:db8::1]:443; repeat for more.":
      "只看这个对端：10.0.0.5、10.0.0.0/8、10.0.0.5:8080、[2001:db8::1]:443；可重复。",
    "Only IPv4 (over IPv6 sockets as well).": "只看 IPv4（包括走 IPv6 套接字的）。", "Only IPv6.": "只看 IPv6。",
    "Only connections in which this host is the client, or the server.": "只看本机作为客户端或服务端的连接。",
    "Only this network namespace: a file, the pid of a process in it, or its inode number.":
      "只看这个网络命名空间：文件、其中某个进程的 pid，或它的 inode 号。",
    "Only processes of this systemd unit, such as nginx or 'worker@*.service'; repeat for more.":
      "只看这个 systemd 单元的进程，例如 nginx 或 'worker@*.service'；可重复。",
    "Only processes in this container, by name or id; repeat for more.": "只看这个容器里的进程，按名字或 id；可重复。",
    "Only processes in this pod: name, namespace/name or uid; repeat for more.":
      "只看这个 Pod 里的进程：名字、命名空间/名字或 uid；可重复。",
    "Only processes in this control group or below it, such as /system.slice; repeat for more.":
      "只看这个控制组 (cgroup) 及其下级里的进程，例如 /system.slice；可重复。",
    "Only processes of this user, by name or number; repeat for more.": "只看这个用户的进程，按名字或数字；可重复。",
    "Only processes of this program: its name, or its path if there is a / in it; repeat for more.":
      "只看这个程序的进程：程序名，含 / 时为完整路径；可重复。",
    "End after this time, such as 30s, 1.5m or 2h.": "到这个时间后结束，例如 30s、1.5m 或 2h。",
    "End after this many looks; of trace, events.": "看这么多次后结束；对 trace 是事件数。",
    "Look again after this time, such as 500ms or 2s.": "每隔这么久再看一次，例如 500ms 或 2s。",
    "Print JSON, one object a line (docs/events.md, docs/schema/).":
      "输出 JSON，每行一个对象 (docs/events.md, docs/schema/)。",
    "No colour. Without this, colour on a terminal only.": "不用颜色。不加此项时，只在终端上用颜色。",
    "Results only: no heading, summary, note or progress.": "只输出结果：没有表头、汇总、提示和进度。",
    "Say which kernel programs are used, and why others are not.": "说明用了哪些内核程序，以及为什么不用其他的。",
    "Order rows by this column, named as in the heading.": "按这一列排序，列名同表头。",
    "Show this many rows at most.": "最多显示这么多行。",
    "Cut nothing: every column and every holder, however long the line.": "不截断：显示所有列和所有持有者，不管行有多长。",
    "Show times in UTC. JSON always has UTC.": "时间用 UTC 显示。JSON 总是 UTC。",
    "Show the date before the time of day.": "在时间前显示日期。",
    "Language of explanations and help: en or zh. (default: by LC_ALL, LC_MESSAGES or LANG)":
      "说明和帮助的语言：en 或 zh。（默认：由 LC_ALL、LC_MESSAGES 或 LANG 决定）",
    "Do without these, as a kernel may refuse them: iter/tcp,kfree_skb (docs/kernels.md lists all).":
      "不使用这些程序，如同被内核拒绝：iter/tcp,kfree_skb（全部见 docs/kernels.md）。",
    "An orderly end, also by Ctrl-C or a reader that has gone.": "正常结束，包括 Ctrl-C 和读者离开。",
    "A failure while running.": "运行中失败。",
    "This machine, or your privileges, do not allow it.": "这台机器或当前权限不允许。", "Bad arguments.": "参数错误。",
    "A TIME_WAIT has the process that closed first, a CLOSE_WAIT the process that has not closed. Ctrl-C ends the trace and prints who caused how many. This is the default command.":
      "TIME_WAIT 给出主动关闭方的进程，CLOSE_WAIT 给出没有关闭的进程。Ctrl-C 结束跟踪，并打印谁产生了多少。这是默认命令。",
    "which clients close first, and towards whom": "哪些客户端主动关闭，对着谁", "the server on these ports": "这些端口上的服务端",
    "services by pattern, with command lines": "按模式匹配的服务，带命令行",
    "the container of process 4123": "进程 4123 所在的容器",
    "who has not closed 10 s after the peer did": "对端关闭 10 秒后谁还没有关闭",
    "one process, for a script": "单个进程，供脚本使用",
    "Counted in the kernel: no event is sent, so it is the cheapest command to leave running. TIME_WAIT is what a process caused in the last 60 s, which is as long as each lasts. LEAKED is what has been in CLOSE_WAIT for --min-age. PORTS is the share of the port range that TIME_WAITs take towards the peer where it is largest. Without a terminal, or with --batch, it prints a table every interval.":
      "在内核里计数，不发送事件，因此最适合长期运行。TIME_WAIT 是进程在最近 60 秒里产生的数量（每个正好持续 60 秒）。LEAKED 是在 CLOSE_WAIT 里超过 --min-age 的连接。PORTS 是 TIME_WAIT 占用本地端口范围的比例，取占用最多的那个对端。没有终端或带 --batch 时，每个间隔打印一张表。",
    "the live table": "实时表格", "five lines every 10 s, for a log": "每 10 秒五行，写入日志",
    "a row for each service, with who is at the other end": "每个服务一行，并显示对端是谁",
    "one look, for a script": "看一次，供脚本使用",
    "Count a CLOSE_WAIT as LEAKED from this age on. (default: 1s)": "CLOSE_WAIT 超过这个时长即计入 LEAKED。（默认：1s）",
    "A row for each of these. (default: process)": "每一行对应什么。（默认：process）",
    "Print tables, even on a terminal.": "即使在终端上也打印表格。",
    "sort by the column to the left, to the right": "按左边、右边的列排序", "reverse the order": "反转顺序",
    "select a process": "选择进程", "show its peers": "显示它的对端",
    "filter by what you type; Esc: no filter": "按输入内容过滤；Esc 取消过滤",
    "a row for each process, unit, container, pod or user": "按进程、单元、容器、Pod 或用户分行",
    "pause, go on": "暂停、继续", "help": "帮助", "quit": "退出",
    "Every connection in CLOSE_WAIT, in every network namespace, older ones included, by process and reason; then those stuck in FIN_WAIT2, which the peer has not closed. An age with ~ is the time since the peer's last packet.":
      "所有网络命名空间里处于 CLOSE_WAIT 的连接（包括启动前就有的），按进程和原因列出；然后是停在 FIN_WAIT2、对端没有关闭的连接。带 ~ 的时长从对端最后一个报文算起。",
    "who leaks, now": "现在谁在泄漏",
    "how fast it grows, and when its descriptors run out": "增长多快，文件描述符何时用完",
    "every connection, with all its holders": "每个连接及其全部持有者",
    "for a monitor: status 3 if anything leaks": "用于监控：有泄漏时状态为 3",
    "Only what has lasted this long. (default: 0)": "只看持续这么久的。（默认：0）",
    "Every connection with all its holders, rather than a line a process.": "列出每个连接及其全部持有者，而不是每个进程一行。",
    "The same as --interval; 2s if no time is given.": "同 --interval；不给时间时为 2s。",
    "Exit with status 3 if a process has not closed a connection for --min-age. A relay that waits for its other connection, and a connection whose peer still reads, are no leaks.":
      "如果有进程超过 --min-age 没有关闭连接，则以状态 3 退出。中继在等它的另一条连接、对端还在读的连接，都不算泄漏。",
    "With --exit-code: a process has not closed a connection for --min-age.":
      "带 --exit-code：有进程超过 --min-age 没有关闭连接。",
    "What netstat, awk, sort and uniq are used for, in one pass over the kernel's tables. The process of a TIME_WAIT is known if it begins while this command watches: with --duration or --interval.":
      "一次遍历内核的表，完成平时用 netstat、awk、sort、uniq 做的事。TIME_WAIT 的进程只有在观察期间产生时才知道：用 --duration 或 --interval。",
    "how many sockets are in which state": "各状态有多少套接字",
    "which peers the TIME_WAITs belong to": "TIME_WAIT 属于哪些对端",
    "who makes them": "谁产生的", "which services hold connections that they should close": "哪些服务持有应当关闭的连接",
    "in which network namespace": "在哪个网络命名空间", "Count by this. (default: state)": "按什么统计。（默认：state）",
    "Only these states, such as time_wait,close_wait. (default: all; of peers and tuples time_wait)":
      "只看这些状态，例如 time_wait,close_wait。（默认：全部；按对端和元组时为 time_wait）",
    "Findings come worst first, each with what was seen, what it means, what to do at the source, which kernel setting helps and which does not, and how sure it is. It watches for 10 s unless --duration says otherwise, and changes no setting. Ctrl-C ends the watch early and prints what was found until then.":
      "发现的问题从最严重的开始，每条都说明：看到了什么、意味着什么、从源头怎么做、哪个内核参数有用、哪个没用、把握有多大。默认观察 10 秒（可用 --duration 改变），不修改任何参数。Ctrl-C 提前结束观察并打印已发现的问题。",
    "the whole host, for 10 seconds": "整台主机，10 秒", "for a monitor: silent if nothing is wrong": "用于监控：没有问题则不输出",
    "for a script": "供脚本使用", "how it is entered, who is responsible, what helps": "怎样进入、谁负责、什么有用",
    "Explain a state of TCP, such as CLOSE_WAIT, and look at nothing.": "解释一个 TCP 状态，例如 CLOSE_WAIT，不查看系统。",
    "Exit with status 4 if the worst finding is a warning, and 5 if it is critical.":
      "最严重的问题为警告时以状态 4 退出，为严重时以 5 退出。",
    "With --exit-code: the worst finding is a warning.": "带 --exit-code：最严重的问题是警告。",
    "With --exit-code: it is critical.": "带 --exit-code：最严重的问题是严重。",
    "Counts the TIME_WAITs that the command and its children caused, and lists as leaks the CLOSE_WAITs that they held for --min-age or still held at the end. The command keeps its standard streams; the report goes to standard error, or to a file.":
      "统计命令及其子进程产生的 TIME_WAIT，并把持有超过 --min-age 或到结束时仍持有的 CLOSE_WAIT 列为泄漏。命令的标准流不变；报告写到标准错误或文件。",
    "a test suite that must not leak connections": "不允许泄漏连接的测试套件",
    "with a status that make does not use": "使用 make 不会用到的状态", "a report for a script": "供脚本使用的报告",
    "The command and its arguments, after --.": "命令及其参数，写在 -- 之后。",
    "How long the command may hold a CLOSE_WAIT. (default: 1s)": "命令可以持有 CLOSE_WAIT 多久。（默认：1s）",
    "Exit with this status if the command leaked: one that it does not use itself. 0: with its own. (default: 3)":
      "命令有泄漏时以此状态退出：选一个它自己不用的。0 表示用命令自己的状态。（默认：3）",
    "Where the report goes. (default: standard error)": "报告写到哪里。（默认：标准错误）",
    "The command leaked. --exit-code chooses another status.": "命令有泄漏。可用 --exit-code 另选状态。",
    "The command cannot be run; 127: there is none.": "命令无法运行；127：没有这个命令。",
    "Loads and attaches everything as a trace would, then each program by itself, and removes it again.":
      "像跟踪时那样加载并挂接全部程序，再逐个单独尝试，然后全部移除。",
    "what this kernel and these privileges allow": "这个内核和当前权限允许什么",
    "only what is degraded or missing": "只显示受限或缺少的",
    "what would be degraded without a program": "缺少某个程序时哪些能力受限",
    "Tracing works.": "可以跟踪。", "Tracing is impossible.": "无法跟踪。",
  ]
}
