import { h, render } from 'preact'
import '../style/base.css'
import './predict.css'
import { PredictPage } from './predict_page.ts'

render(h(PredictPage, {}), document.getElementById('predict')!)
