--- What stands behind `:Flow SUBCOMMAND`.
local client = require("flow.client")
local suggestions = require("flow.suggest")
local view = require("flow.view")

local M = {}

local LIVE = { "pending", "running", "waiting", "compensating" }
local UNDOABLE = { "succeeded", "failed", "cancelled", "compensation_failed" }
local MENU_LENGTH = 50
local COMPLETION_PATIENCE = 500 -- milliseconds

local function describe(run)
  return ("%s  %s  %s  %d/%d"):format(run.id, run.state, run.name, run.steps_done, run.steps)
end

--- Call `continue` with a run: the one named, else the one this buffer shows, else one the user
--- picks from those in one of `states` (nil: any).
local function with_run(name, states, prompt, continue)
  name = name or vim.b.flow_run
  if name then
    client.request("flow/show", { run = name }, continue)
    return
  end
  client.request("flow/list", { state = states, limit = MENU_LENGTH }, function(listed)
    if #listed.runs == 0 then
      vim.notify("Flow: there is no run to " .. prompt:lower())
      return
    end
    vim.ui.select(listed.runs, { prompt = prompt, format_item = describe }, function(run)
      if run then
        client.request("flow/show", { run = run.id }, continue)
      end
    end)
  end)
end

--- Have workflows suggested for the words, else for the lines the command is about.
local function suggest(words, command)
  local buffer = vim.api.nvim_get_current_buf()
  local about = { task = table.concat(words, " ") }
  if vim.api.nvim_buf_get_name(buffer) ~= "" then
    client.attach(buffer)
    about.uri = vim.uri_from_bufnr(buffer)
    about.range = { -- an empty range stands for the line it is in
      start = { line = command.line1 - 1, character = 0 },
      ["end"] = { line = command.range == 0 and command.line1 - 1 or command.line2, character = 0 },
    }
  elseif about.task == "" then
    local lines = vim.api.nvim_buf_get_lines(buffer, command.line1 - 1, command.line2, false)
    about.task = table.concat(lines, " ")
  end
  suggestions.suggest(about)
end

local function attach(words, command)
  with_run(words[1], nil, "Attach to", function(run)
    view.open(run.id, command.smods)
  end)
end

--- `key=value` words are inputs; what is left is the file.
local function inputs_among(words)
  local inputs, file = vim.empty_dict(), nil
  for _, word in ipairs(words) do
    local key, value = word:match("^([%a_][%w_]*)=(.*)$")
    if key then
      inputs[key] = value
    else
      file = word
    end
  end
  return inputs, file
end

--- Ask for the inputs in `missing`, one after the other, then call `continue`.
local function ask_inputs(missing, inputs, continue)
  local name = missing[1]
  if not name then
    continue()
    return
  end
  vim.ui.input({ prompt = name .. ": " }, function(value)
    if value then -- nil: the user thought better of it
      inputs[name] = value
      ask_inputs(vim.list_slice(missing, 2), inputs, continue)
    end
  end)
end

--- Start a run; the daemon says which inputs it still needs.
local function start(params, mods)
  client.request("flow/run", params, function(started)
    view.open(started.run, mods)
  end, function(problem)
    local missing = type(problem.data) == "table" and problem.data.missing
    if missing then
      ask_inputs(missing, params.inputs, function()
        start(params, mods)
      end)
    else
      client.complain(problem)
    end
  end)
end

--- Start a run here of what `source` says.
---@param source { path?: string, text?: string }
local function run_here(source, inputs, mods)
  local here = { inputs = inputs, cwd = vim.fn.getcwd(), environment = vim.fn.environ() } -- the daemon leaves secrets out
  start(vim.tbl_extend("error", source, here), mods)
end

--- What is on the screen, saved or not.
local function text_of(buffer)
  return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n") .. "\n"
end

local function run(words, command)
  local inputs, file = inputs_among(words)
  local source = file and { path = vim.fn.fnamemodify(file, ":p") } or { text = text_of(0) }
  run_here(source, inputs, command.smods)
end

local function undo(words, command)
  with_run(words[1], UNDOABLE, "Undo", function(shown)
    local steps = {}
    for _, step in ipairs(shown.steps) do
      if step.state == "succeeded" and type(step.undo) == "string" then
        table.insert(steps, 1, ("%s: %s"):format(step.id, step.undo))
      elseif (step.saved_files or 0) > 0 and step.state ~= "compensated" then
        table.insert(steps, 1, ("%s: (puts its saved files back)"):format(step.id))
      end
    end
    local how = #steps > 0 and table.concat(steps, "\n") or "Nothing says how to undo it."
    local question = ("Undo %s (%s)?\n%s"):format(shown.name, shown.id, how)
    vim.ui.select({ "undo", "leave it" }, { prompt = question }, function(choice)
      if choice == "undo" then
        client.request("flow/undo", { run = shown.id }, function()
          view.open(shown.id, command.smods)
        end)
      end
    end)
  end)
end

local function cancel(words)
  with_run(words[1], LIVE, "Cancel", function(shown)
    client.request("flow/cancel", { run = shown.id }, function(result)
      vim.notify(("Flow: %s is %s"):format(shown.name, result.state))
    end)
  end)
end

local function answer(words, command)
  with_run(words[1], { "waiting" }, "Answer", function(shown)
    view.open(shown.id, command.smods)
  end)
end

local function list(_, command)
  view.go_to_list()
  client.request("flow/list", { limit = MENU_LENGTH }, function(listed)
    view.list(vim.tbl_map(describe, listed.runs), command.smods)
  end)
end

local function runs_like(lead)
  local listed = client.request_now("flow/list", { limit = MENU_LENGTH }, COMPLETION_PATIENCE)
  local names = vim.tbl_map(function(row)
    return row.id
  end, listed and listed.runs or {})
  return vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, names)
end

local function files_like(lead)
  return vim.tbl_filter(function(name)
    return name:match("%.flow%.ya?ml$") or vim.endswith(name, "/")
  end, vim.fn.getcompletion(lead, "file"))
end

local function nothing()
  return {}
end

---@type table<string, { act: fun(words: string[], command: table), complete: fun(lead: string): string[] }>
local SUBCOMMANDS = {
  answer = { act = answer, complete = runs_like },
  attach = { act = attach, complete = runs_like },
  cancel = { act = cancel, complete = runs_like },
  ps = { act = list, complete = nothing },
  run = { act = run, complete = files_like },
  suggest = { act = suggest, complete = nothing },
  undo = { act = undo, complete = runs_like },
}

--- Commands of the daemon, as lenses and code actions give them, that are done with means only
--- Neovim has: what a run needs is asked for, and it is followed in a window.
---@type table<string, fun(command: lsp.Command, context: { bufnr: integer })>
M.of_daemon = {
  ["flow.suggest"] = function(command)
    suggestions.suggest(command.arguments[1])
  end,
  ["flow.run"] = function(command, context)
    client.show_lenses(context.bufnr) -- Neovim hides those of the line while one is carried out
    local buffer = vim.uri_to_bufnr(command.arguments[1].uri)
    run_here({ text = text_of(buffer) }, vim.empty_dict())
  end,
  ["flow.undo"] = function(command, context)
    client.show_lenses(context.bufnr)
    local params = { command = command.command, arguments = command.arguments }
    client.request("workspace/executeCommand", params, function(undone)
      if undone then -- nil: the user thought better of it
        view.open(undone.run)
      end
    end)
  end,
}

--- Carry out `:Flow …`.
---@param command table What nvim_create_user_command gives.
function M.execute(command)
  local words = vim.list_slice(command.fargs, 2)
  local subcommand = SUBCOMMANDS[command.fargs[1]]
  if subcommand then
    subcommand.act(words, command)
  else
    local known = table.concat(M.complete("", "Flow "), ", ")
    client.complain({ message = ("there is no :Flow %s"):format(command.fargs[1]), data = { cure = known } })
  end
end

--- Complete a subcommand, or what follows one.
---@return string[]
function M.complete(lead, line)
  local name = line:match("Flow!?%s+(%S+)%s")
  if name then
    return SUBCOMMANDS[name] and SUBCOMMANDS[name].complete(lead) or {}
  end
  local names = vim.tbl_filter(function(known)
    return vim.startswith(known, lead)
  end, vim.tbl_keys(SUBCOMMANDS))
  table.sort(names)
  return names
end

return M
