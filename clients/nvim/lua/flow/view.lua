--- A buffer that follows a run: everything that happened, then everything that happens.
local client = require("flow.client")
local transcript = require("flow.transcript")

local M = {}

---@class flow.View
---@field buffer integer
---@field position integer Of the newest event shown; the daemon is asked for what comes after it.
---@field caught_up integer Position from which events are news, not history.
---@field unfinished table<string, string>
---@field questions table<string, table> Open questions by step.
---@field terminals table<string, boolean> Steps that run on a terminal.
---@field asking boolean Whether one of them is on the screen.
---@field finished boolean

---@type table<string, flow.View> By run.
local views = {}

local LIST_NAME = "flow://runs"
local MOST_RECONNECTIONS = 10
local PAUSE = 500 -- milliseconds before the first reconnection; each later one waits longer
local reconnections = 0
local reconnecting = false

local function append(view, lines)
  if #lines == 0 then
    return
  end
  local buffer = view.buffer
  local last = vim.api.nvim_buf_line_count(buffer)
  local empty = last == 1 and vim.api.nvim_buf_get_lines(buffer, 0, 1, false)[1] == ""
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, empty and 0 or last, -1, false, lines)
  vim.bo[buffer].modifiable = false
  local new_last = vim.api.nvim_buf_line_count(buffer)
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    if vim.api.nvim_win_get_cursor(window)[1] == last then -- whoever is at the end stays there
      vim.api.nvim_win_set_cursor(window, { new_last, 0 })
    end
  end
end

--- Put the next open question to the user, if the user looks at the run: what is typed elsewhere
--- must not become an answer. Not answering leaves it open, for `:Flow answer`.
---@return boolean put Whether the user was asked; a menu that blocks is answered by then.
local function ask(run, view)
  if view.asking then
    return true
  end
  local step, question = next(view.questions)
  if not step or vim.api.nvim_get_current_buf() ~= view.buffer then
    return false
  end
  view.asking = true
  vim.cmd.redraw() -- a menu may block: what led to the question is to be seen
  vim.ui.select(question.answers, {
    prompt = ("%s: %s"):format(step, question.question),
    kind = "flow-answer",
  }, function(answer)
    view.asking = false
    if answer and view.questions[step] == question then
      view.questions[step] = nil
      client.request("flow/answer", { run = run, step = step, answer = answer }, function()
        ask(run, view)
      end)
    end
  end)
  return true
end

--- Keep what is asked in step with the events.
local function note_questions(view, event)
  if event.type == "question_asked" then
    view.questions[event.step] = event
  elseif event.type == "run_finished" then
    view.questions = {}
  elseif event.step then
    view.questions[event.step] = nil
  end
end

--- Say how to reach a step that runs on a terminal: this buffer shows it and takes no keys.
local function note_terminals(view, event)
  if event.type == "run_started" then
    for _, step in ipairs(event.terminals or {}) do
      view.terminals[step] = true
    end
  elseif event.type == "step_started" and view.terminals[event.step] then
    local how = (":terminal flowctl attach %s"):format(event.run)
    append(view, { ("  %s  is on a terminal, type there with  %s"):format(event.step, how) })
    if event.position >= view.caught_up then
      vim.notify(("Flow: %s is on a terminal: %s"):format(event.step, how))
    end
  end
end

local function show(event)
  local view = views[event.run]
  if not view or event.position <= view.position then
    return
  end
  view.position = event.position
  view.finished = event.type == "run_finished"
  append(view, transcript.lines(event, view.unfinished))
  note_questions(view, event)
  note_terminals(view, event)
  if event.type == "run_finished" then
    vim.b[view.buffer].flow_state = event.state
  end
  if event.position >= view.caught_up then
    if not ask(event.run, view) and event.type == "question_asked" then
      vim.notify(("Flow: %s asks: %s"):format(event.step, event.question))
    end
  end
end

local function follow(run)
  local view = views[run]
  client.request("flow/attach", { run = run, from = view.position }, function(result)
    if views[run] then
      view.caught_up = result.position
      vim.b[view.buffer].flow_state = result.state
      if view.position >= result.position then
        ask(run, view)
      end
    end
  end, function(problem)
    if views[run] then
      append(view, { "! " .. problem.message })
    end
  end)
end

---@return string[]
local function unfinished_runs()
  return vim.tbl_filter(function(run)
    return not views[run].finished
  end, vim.tbl_keys(views))
end

--- A new connection: what was followed on the old one is taken up where it stood.
local function follow_again()
  if reconnections > 0 then
    reconnections = 0
    vim.tbl_map(follow, unfinished_runs())
  end
end

--- The connection is gone: make another while somebody watches a run that still goes on.
local function reconnect()
  local runs = unfinished_runs()
  if #runs == 0 or reconnecting then
    return
  end
  if reconnections == MOST_RECONNECTIONS then
    reconnections = 0
    for _, run in ipairs(runs) do
      append(views[run], { "! the daemon is gone  (:Flow attach " .. run .. ")" })
    end
    return
  end
  reconnections = reconnections + 1
  reconnecting = true
  vim.defer_fn(function()
    reconnecting = false
    client.with(function() end, reconnect)
  end, PAUSE * reconnections)
end

---@param mods? table Modifiers of the command, such as `vertical`.
local function open_window(buffer, mods)
  mods = vim.deepcopy(mods or {})
  mods.split = (mods.split or "") ~= "" and mods.split or "botright"
  vim.cmd.split({ mods = mods })
  vim.api.nvim_win_set_buf(0, buffer)
end

local function create_buffer(run)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buffer, "flow://" .. run)
  vim.bo[buffer].bufhidden = "wipe"
  vim.bo[buffer].undolevels = -1
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].filetype = "flowrun"
  vim.b[buffer].flow_run = run
  vim.api.nvim_create_autocmd("BufEnter", {
    buffer = buffer,
    callback = vim.schedule_wrap(function()
      if views[run] then
        ask(run, views[run])
      end
    end),
  })
  vim.api.nvim_create_autocmd("BufWipeout", {
    buffer = buffer,
    callback = function()
      views[run] = nil
      client.request("flow/detach", { run = run }, function() end, function() end)
    end,
  })
  return buffer
end

--- Show a run in a window: from its beginning, and on while it goes on.
---@param run string The full id.
---@param mods? table
function M.open(run, mods)
  local view = views[run]
  if view then
    local window = vim.fn.win_findbuf(view.buffer)[1]
    if window then
      vim.api.nvim_set_current_win(window)
    end
    follow(run) -- a finished run that is undone or retried goes on
    return
  end
  local buffer = create_buffer(run)
  views[run] = {
    buffer = buffer,
    position = 0,
    caught_up = math.huge,
    unfinished = {},
    questions = {},
    terminals = {},
    asking = false,
    finished = false,
  }
  open_window(buffer, mods)
  follow(run)
end

local function id_in(line)
  return line:match("^(%w+)  ")
end

--- Put lines in place of those of a list, with each window's cursor on the run it was on: whoever
--- has chosen a line must not open another because the list came anew.
local function relist(buffer, lines)
  local chosen = {}
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    local row = vim.api.nvim_win_get_cursor(window)[1]
    chosen[window] = id_in(vim.api.nvim_buf_get_lines(buffer, row - 1, row, false)[1])
  end
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.bo[buffer].modifiable = false
  for window, run in pairs(chosen) do
    for row, line in ipairs(lines) do
      if id_in(line) == run then
        vim.api.nvim_win_set_cursor(window, { row, 0 })
      end
    end
  end
end

--- Go to the window that shows the list of runs, if there is one.
function M.go_to_list()
  local window = vim.fn.bufwinid("^" .. LIST_NAME .. "$")
  if window ~= -1 then
    vim.api.nvim_set_current_win(window)
  end
end

--- Show lines that each begin with a run's id; Enter attaches to the one under the cursor. A list
--- that is shown already is only brought up to date: who has gone elsewhere meanwhile stays there.
---@param lines string[]
---@param mods? table
function M.list(lines, mods)
  lines = #lines > 0 and lines or { "no runs yet" }
  local former = vim.fn.bufnr("^" .. LIST_NAME .. "$")
  if former ~= -1 then
    relist(former, lines)
    return
  end
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buffer, LIST_NAME)
  vim.bo[buffer].bufhidden = "wipe"
  vim.bo[buffer].filetype = "flowruns"
  relist(buffer, lines)
  vim.keymap.set("n", "<CR>", function()
    local run = id_in(vim.api.nvim_get_current_line())
    if run then
      M.open(run)
    end
  end, { buffer = buffer, desc = "Attach to the run under the cursor" })
  open_window(buffer, mods)
end

client.on_event(show)
client.on_connection(follow_again, reconnect)

return M
